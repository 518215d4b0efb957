#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/byte_size.h"
#include "base/clock.h"
#include "base/lsn.h"

namespace bw {

// How far capture is behind the end of the server's WAL, and since when. The WAL of other databases
// is read, too, before it is known to be none of ours, and an idle database notes that in steps:
// distances below kIdleBytes are no lag. Not thread-safe.
class CaptureLag {
 public:
  static constexpr uint64_t kIdleBytes = 8 * kMiB;

  // With later and later times.
  void Look(TimePoint now, Lsn server_end, Lsn captured) {
    bytes_ = WalBytesBetween(captured, server_end);
    if (bytes_ < kIdleBytes) {
      bytes_ = 0;
      seen_.clear();
    }
    now_ = now;
    while (!seen_.empty() && seen_.front().server_end.value <= captured.value + kIdleBytes) {
      seen_.pop_front();
    }
    if (bytes_ == 0) return;
    if (seen_.empty() || WalBytesBetween(seen_.back().server_end, server_end) >= kMiB) {
      if (seen_.size() >= kSeenMax) Thin();
      seen_.push_back({now, server_end});
    }
  }
  uint64_t bytes() const { return bytes_; }
  // Since when WAL has been there that is not captured.
  Duration age() const {
    return seen_.empty() ? Duration(0) : std::chrono::duration_cast<Duration>(now_ - seen_[0].time);
  }

 private:
  static constexpr size_t kSeenMax = 4096;
  struct Seen {
    TimePoint time;
    Lsn server_end;
  };
  // Forgets every second one but the oldest.
  void Thin() {
    std::deque<Seen> kept;
    for (size_t i = 0; i < seen_.size(); i += 2) kept.push_back(seen_[i]);
    seen_.swap(kept);
  }

  TimePoint now_;
  uint64_t bytes_ = 0;
  std::deque<Seen> seen_;  // The oldest first: WAL up to here is not captured.
};

}  // namespace bw
