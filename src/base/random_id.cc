#include "base/random_id.h"

#include <fmt/format.h>
#include <sys/random.h>

#include "base/error.h"

namespace bw {

std::string RandomId() { return fmt::format("{:016x}{:016x}", RandomSeed(), RandomSeed()); }

uint64_t RandomSeed() {
  uint64_t seed = 0;
  BW_CHECK(getrandom(&seed, sizeof(seed), 0) == static_cast<ssize_t>(sizeof(seed)));
  return seed;
}

}  // namespace bw
