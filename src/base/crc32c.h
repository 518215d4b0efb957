#pragma once

#include <cstdint>
#include <string_view>

namespace bw {

// CRC-32C (Castagnoli), as iSCSI (RFC 3720, B.4) and Kafka use it. Debian 12 has no C++ library for
// it: see docs/decisions/0001-libraries.md. `previous` is the result for the preceding bytes, so a
// checksum can be computed in pieces.
uint32_t Crc32c(std::string_view bytes, uint32_t previous = 0);

}  // namespace bw
