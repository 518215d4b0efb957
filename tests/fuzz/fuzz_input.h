#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/name_text.h"

// What the fuzz targets share: how they cut their input into values, and what every error must be.

namespace bw::fuzz {

// Cuts an input from the left. Behind its end there are zeros and empty texts, so that every input
// means something.
class Input {
 public:
  Input(const uint8_t* data, size_t size)
      : rest_(reinterpret_cast<const char*>(data), data == nullptr ? 0 : size) {}

  bool empty() const { return rest_.empty(); }
  uint8_t U8() { return static_cast<uint8_t>(BigEndian(1)); }
  uint16_t U16() { return static_cast<uint16_t>(BigEndian(2)); }
  uint32_t U32() { return static_cast<uint32_t>(BigEndian(4)); }
  uint64_t U64() { return BigEndian(8); }
  bool Flag() { return (U8() & 1) != 0; }
  std::string_view Bytes(size_t count) {
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  // A length of one byte, and as many bytes.
  std::string_view Text() { return Bytes(U8()); }
  // The same as UTF-8, whatever the bytes are.
  std::string Utf8() { return TextOfName(Text()); }
  std::string_view Rest() { return Bytes(rest_.size()); }

 private:
  uint64_t BigEndian(size_t size) {
    uint64_t value = 0;
    for (const char byte : Bytes(size)) value = (value << 8) | static_cast<uint8_t>(byte);
    return value;
  }

  std::string_view rest_;
};

// One bounded line that names the place, and shows a terminal nothing it would obey.
inline void CheckMessage(std::string_view message, std::string_view place, size_t bytes_max) {
  BW_CHECK(message.find(place) != std::string_view::npos);
  BW_CHECK(message.size() <= bytes_max);
  for (const char c : message) BW_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
}

// Whether `run` returned. It may only throw our own Error, of this kind; any other exception ends
// the target.
template <typename Run>
bool Accepts(ErrorKind kind, std::string_view place, size_t message_bytes_max, Run run) {
  try {
    run();
    return true;
  } catch (const Error& error) {
    BW_CHECK(error.kind() == kind);
    CheckMessage(error.what(), place, message_bytes_max);
    return false;
  }
}

}  // namespace bw::fuzz
