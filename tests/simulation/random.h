#pragma once

#include <cstdint>
#include <random>

namespace bw::simulation {

// The one source of chance of a schedule: the same seed gives the same choices.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t Next() { return engine_(); }
  // 0 to n - 1; 0 when n is 0.
  uint64_t Below(uint64_t n) { return n == 0 ? 0 : engine_() % n; }
  // first to last, both included.
  uint64_t Between(uint64_t first, uint64_t last) { return first + Below(last - first + 1); }
  bool Chance(uint64_t in_thousand) { return Below(1000) < in_thousand; }
  // A generator of its own, so that what one part draws does not change what another one gets.
  Random Fork() { return Random(engine_()); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace bw::simulation
