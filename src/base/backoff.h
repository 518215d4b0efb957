#pragma once

#include <random>

#include "base/clock.h"
#include "base/random_id.h"

namespace bw {

// Exponential backoff with jitter: 100 ms, doubled to 10 s, each time a random half is taken off
// or left. Not thread-safe: one per loop.
class Backoff {
 public:
  struct Limits {
    Duration first{100};
    Duration max{10'000};
  };
  // For a server that is away. About one try a second costs it nothing, however long it is away, and
  // its return is noticed within two seconds.
  static constexpr Limits WhileAway() { return {Duration(100), Duration(1'000)}; }

  Backoff() : Backoff(Limits{}) {}
  explicit Backoff(Limits limits, uint64_t seed = RandomSeed())
      : limits_(limits), next_(limits.first), random_(seed) {}

  // How long to wait now; the following wait is twice as long, up to the maximum.
  Duration Next();
  // The operation succeeded: start over.
  void Reset() { next_ = limits_.first; }

 private:
  Limits limits_;
  Duration next_;
  std::mt19937_64 random_;
};

}  // namespace bw
