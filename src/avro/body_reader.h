#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "avro/binary_format.h"
#include "avro/decimal_text.h"
#include "base/halt.h"

namespace bw {

// Reads an Avro body from left to right (format: avro/binary_format.h). Every read checks the
// bounds, and throws a halt Error with the place for malformed bytes: a body comes from the spool,
// which is damaged then. The bytes must outlive the reader and the views it returns.
class BodyReader {
 public:
  explicit BodyReader(std::string_view body)
      : start_(body.data()), p_(body.data()), end_(body.data() + body.size()) {}

  // Reads a field's union branch: whether it has a value.
  bool ReadIsPresent() {
    const char branch = *Take(1);
    if (branch != kNullBranch && branch != kValueBranch) Fail("unknown union branch");
    return branch == kValueBranch;
  }

  bool ReadBoolean() {
    const char byte = *Take(1);
    if (byte != 0 && byte != 1) Fail("a boolean that is neither 0 nor 1");
    return byte == 1;
  }

  int64_t ReadLong() {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      const auto byte = static_cast<unsigned char>(*Take(1));
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return UnZigZag(value);
    }
    Fail("a number of more than 64 bits");
  }

  int32_t ReadInt() {
    const int64_t value = ReadLong();
    if (value < INT32_MIN || value > INT32_MAX) Fail("an int of more than 32 bits");
    return static_cast<int32_t>(value);
  }

  float ReadFloat() { return std::bit_cast<float>(ReadLittleEndian<uint32_t>(Take(4))); }
  double ReadDouble() { return std::bit_cast<double>(ReadLittleEndian<uint64_t>(Take(8))); }

  // A string or bytes.
  std::string_view ReadBytes() {
    const int64_t length = ReadLong();
    if (length < 0) Fail("a negative length");
    const char* const bytes = Take(static_cast<uint64_t>(length));
    return {bytes, static_cast<size_t>(length)};
  }

  // How many elements of an array follow before the next call; 0 after the last one. A block may
  // also begin with its negative count and its size in bytes (specification, "Arrays"), which we do
  // not write.
  int64_t ReadBlock() {
    int64_t count = ReadLong();
    if (count < 0) {
      if (count == INT64_MIN) Fail("an array of more than 63 bits");
      count = -count;
      const int64_t size = ReadLong();
      if (size < 0 || size > end_ - p_) Fail("a block of an array that ends too late");
    }
    // An element has a byte at least.
    if (count > end_ - p_) Fail("an array of more elements than bytes");
    return count;
  }

  // A decimal's bytes.
  std::string_view ReadDecimal() {
    const std::string_view bytes = ReadBytes();
    if (bytes.empty() || bytes.size() > kDecimalBytesMax) Fail("a decimal of a wrong size");
    return bytes;
  }

  void ExpectEnd() const {
    if (p_ != end_) Fail("bytes after the last field");
  }

  [[noreturn]] void Fail(const char* problem) const {
    throw UnexpectedHalt("malformed Avro body at byte " + std::to_string(p_ - start_) + ": " +
                         problem);
  }

 private:
  const char* Take(uint64_t count) {
    if (count > static_cast<uint64_t>(end_ - p_)) Fail("it ends too early");
    const char* const taken = p_;
    p_ += count;
    return taken;
  }

  const char* const start_;
  const char* p_;
  const char* const end_;
};

}  // namespace bw
