#include "base/crc32c.h"

#include <isa-l/crc.h>

#include <climits>

#include "base/error.h"

namespace bw {

uint32_t Crc32c(std::string_view bytes, uint32_t previous) {
  BW_CHECK(bytes.size() <= INT_MAX);
  // The library only reads the buffer; it leaves the inversions before and after to its caller.
  auto* const buffer =
      const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
  return ~crc32_iscsi(buffer, static_cast<int>(bytes.size()), ~previous);
}

}  // namespace bw
