#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bw {

// How long something took, counted in fixed buckets as Prometheus wants them. Observing is a few
// relaxed additions. Thread-safe; a reader may see an observation's bucket before its sum.
class LatencyHistogram {
 public:
  // Upper bounds in seconds; a bucket above them counts the rest. From a fast commit to a Kafka
  // outage of days.
  static constexpr std::array<double, 18> kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                     0.1,   0.25,   0.5,   1,    2.5,   5,
                                                     10,    30,     120,   900,  7200,  86400};

  struct Counts {
    std::vector<uint64_t> buckets;  // One more than kBounds; not cumulative.
    double sum_seconds = 0;
  };

  // A clock that was set back counts as zero.
  void Observe(int64_t microseconds) {
    if (microseconds < 0) microseconds = 0;
    const double seconds = static_cast<double>(microseconds) / 1e6;
    size_t bucket = 0;
    while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
    buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_us_.fetch_add(static_cast<uint64_t>(microseconds), std::memory_order_relaxed);
  }

  Counts Read() const {
    Counts counts;
    for (const auto& bucket : buckets_) counts.buckets.push_back(bucket.load());
    counts.sum_seconds = static_cast<double>(sum_us_.load()) / 1e6;
    return counts;
  }

 private:
  std::array<std::atomic<uint64_t>, kBounds.size() + 1> buckets_{};
  std::atomic<uint64_t> sum_us_{0};
};

}  // namespace bw
