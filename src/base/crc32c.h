#pragma once

#include <cstdint>
#include <string_view>

namespace bw {

// CRC-32C (Castagnoli), as iSCSI (RFC 3720, B.4) and Kafka use it, with the processor's
// instructions for it where there are some. `previous` is the result for the preceding bytes, so a
// checksum can be computed in pieces. Of at most 2 GiB, which is more than a field of PostgreSQL's.
uint32_t Crc32c(std::string_view bytes, uint32_t previous = 0);

}  // namespace bw
