#include "base/crc32c.h"

#include <array>
#include <cstring>

namespace bw {
namespace {

constexpr uint32_t kPolynomialReversed = 0x82F63B78;

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? kPolynomialReversed : 0);
    table[byte] = crc;
  }
  return table;
}

uint32_t ExtendPortable(uint32_t crc, const char* data, size_t size) {
  static constexpr std::array<uint32_t, 256> kTable = MakeTable();
  for (size_t i = 0; i < size; ++i) {
    crc = (crc >> 8) ^ kTable[(crc ^ static_cast<uint8_t>(data[i])) & 0xFF];
  }
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t ExtendSse42(uint32_t crc, const char* data,
                                                       size_t size) {
  uint64_t crc64 = crc;
  for (; size >= 8; data += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, data, 8);
    crc64 = __builtin_ia32_crc32di(crc64, word);
  }
  return ExtendPortable(static_cast<uint32_t>(crc64), data, size);
}
#endif

}  // namespace

uint32_t Crc32c(std::string_view bytes, uint32_t previous) {
  uint32_t crc = previous ^ 0xFFFFFFFF;
#if defined(__x86_64__)
  static const bool has_sse42 = __builtin_cpu_supports("sse4.2");
  crc = has_sse42 ? ExtendSse42(crc, bytes.data(), bytes.size())
                  : ExtendPortable(crc, bytes.data(), bytes.size());
#else
  crc = ExtendPortable(crc, bytes.data(), bytes.size());
#endif
  return crc ^ 0xFFFFFFFF;
}

}  // namespace bw
