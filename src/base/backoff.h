#pragma once

#include <algorithm>
#include <random>

#include "base/clock.h"
#include "base/random_id.h"

namespace bw {

// Exponential backoff with jitter: from 100 ms, doubling up to 10 s; each wait is random, between
// half of that and all of it. Not thread-safe: one per loop.
class Backoff {
 public:
  struct Limits {
    Duration first{100};
    Duration max{10'000};
  };
  // For a server that is unreachable. About one attempt per second costs nothing, however long the
  // outage, and the server's return is noticed within two seconds.
  static constexpr Limits WhileAway() { return {Duration(100), Duration(1'000)}; }

  Backoff() : Backoff(Limits{}) {}
  explicit Backoff(Limits limits, uint64_t seed = RandomSeed())
      : limits_(limits), next_(limits.first), random_(seed) {}

  // How long to wait now; the following wait is twice as long, up to the maximum.
  Duration Next() {
    const int64_t full = next_.count();
    next_ = std::min(next_ * 2, limits_.max);
    return Duration(std::uniform_int_distribution<int64_t>(full / 2, full)(random_));
  }
  // The operation succeeded: start over.
  void Reset() { next_ = limits_.first; }

 private:
  Limits limits_;
  Duration next_;
  std::mt19937_64 random_;
};

}  // namespace bw
