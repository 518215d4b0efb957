#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/halt.h"

// Big-endian integers, as both PostgreSQL's wire protocol and our own byte formats use them.

namespace bw {

inline void AppendU8(std::string* out, uint8_t value) { out->push_back(static_cast<char>(value)); }

template <typename T>
void StoreBigEndian(T value, char* out) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    out[i] = static_cast<char>((value >> (8 * (sizeof(T) - 1 - i))) & 0xFF);
  }
}
template <typename T>
void AppendBigEndian(std::string* out, T value) {
  char bytes[sizeof(T)];
  StoreBigEndian(value, bytes);
  out->append(bytes, sizeof(T));
}
inline void AppendU16(std::string* out, uint16_t value) { AppendBigEndian(out, value); }
inline void AppendU32(std::string* out, uint32_t value) { AppendBigEndian(out, value); }
inline void AppendU64(std::string* out, uint64_t value) { AppendBigEndian(out, value); }

// Reads bytes that came from outside: every read checks how many bytes are left, and throws a Halt
// error when there are too few. The bytes must outlive the reader and every view it hands out.
class ByteReader {
 public:
  // `what` names the thing being read in messages, e.g. "pgoutput Relation message".
  ByteReader(std::string_view bytes, const char* what) : bytes_(bytes), what_(what) {}

  uint8_t ReadU8() { return static_cast<uint8_t>(Take(1)[0]); }
  uint16_t ReadU16() { return ReadBigEndian<uint16_t>(); }
  uint32_t ReadU32() { return ReadBigEndian<uint32_t>(); }
  uint64_t ReadU64() { return ReadBigEndian<uint64_t>(); }
  std::string_view ReadBytes(size_t count) { return Take(count); }
  // A NUL-terminated string, without its NUL.
  std::string_view ReadCString() {
    const size_t nul = bytes_.find('\0', offset_);
    if (nul == std::string_view::npos) Fail("a text without its terminating NUL");
    const std::string_view text = bytes_.substr(offset_, nul - offset_);
    offset_ = nul + 1;
    return text;
  }

  size_t offset() const { return offset_; }
  size_t remaining() const { return bytes_.size() - offset_; }
  void ExpectEnd() const {
    if (remaining() != 0) Fail(std::to_string(remaining()) + " bytes too many");
  }
  [[noreturn]] void Fail(const std::string& problem) const {
    throw UnexpectedHalt(std::string("malformed ") + what_ + " at byte " + std::to_string(offset_) +
                         ": " + problem);
  }

 private:
  template <typename T>
  T ReadBigEndian() {
    const std::string_view bytes = Take(sizeof(T));
    T value = 0;
    for (const char byte : bytes) value = static_cast<T>((value << 8) | static_cast<uint8_t>(byte));
    return value;
  }
  std::string_view Take(size_t count) {
    if (count > remaining()) {
      Fail("needs " + std::to_string(count) + " bytes, " + std::to_string(remaining()) + " left");
    }
    const std::string_view bytes = bytes_.substr(offset_, count);
    offset_ += count;
    return bytes;
  }

  std::string_view bytes_;
  const char* what_;
  size_t offset_ = 0;
};

}  // namespace bw
