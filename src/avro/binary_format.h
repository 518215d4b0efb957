#pragma once

#include <cstddef>
#include <cstdint>

// The Avro binary encoding of our records, shared by the encoder and the JSON writer.
//
// body   := field*                 in schema order; every field is a union ["null", T]
// field  := 0x00                   null
//         | 0x02 value
// value  := boolean: 0x00 | 0x01
//         | int, long: varint(zigzag(number))
//         | float, double: IEEE 754, little-endian
//         | string, bytes: varint(zigzag(length)) byte*

namespace bw {

inline constexpr char kNullBranch = 0x00;   // zigzag(0)
inline constexpr char kValueBranch = 0x02;  // zigzag(1)
inline constexpr size_t kVarintBytesMax = 10;

inline constexpr uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}

inline constexpr int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

// Writes at most kVarintBytesMax bytes and returns the place after them.
inline char* WriteLong(int64_t value, char* p) {
  uint64_t rest = ZigZag(value);
  while (rest >= 0x80) {
    *p++ = static_cast<char>(static_cast<unsigned char>(rest | 0x80));
    rest >>= 7;
  }
  *p++ = static_cast<char>(rest);
  return p;
}

// Writes the low `sizeof(T)` bytes, little-endian.
template <typename T>
char* WriteLittleEndian(T bits, char* p) {
  for (size_t i = 0; i < sizeof(T); ++i) *p++ = static_cast<char>((bits >> (8 * i)) & 0xFF);
  return p;
}

template <typename T>
T ReadLittleEndian(const char* p) {
  T bits = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    bits |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(p[i])) << (8 * i));
  }
  return bits;
}

}  // namespace bw
