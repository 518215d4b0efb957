#include "base/random_id.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cstdint>

#include "base/error.h"

namespace bw {

std::string RandomId() {
  uint64_t words[2];
  BW_CHECK(getrandom(words, sizeof(words), 0) == static_cast<ssize_t>(sizeof(words)));
  return fmt::format("{:016x}{:016x}", words[0], words[1]);
}

}  // namespace bw
