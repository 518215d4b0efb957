#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace bw {

// How many changes are in the spool and not yet published. What an earlier process has left there
// is estimated once; from then on the difference of two counts tells, which is exact as soon as the
// spool has been empty. Not thread-safe.
class BacklogCount {
 public:
  struct Counts {
    uint64_t captured = 0;   // Changes, since the process started.
    uint64_t published = 0;  // Likewise. Goes back to 0 when publishing starts over.
    bool empty = false;      // Everything captured is published.
  };

  uint64_t Update(const Counts& counts, const std::function<uint64_t()>& estimate) {
    const auto difference =
        static_cast<int64_t>(counts.captured) - static_cast<int64_t>(counts.published);
    if (counts.empty) {
      base_ = -difference;
    } else if (!base_ || counts.published < published_) {
      base_ = static_cast<int64_t>(estimate()) - difference;
    }
    published_ = counts.published;
    const int64_t backlog = *base_ + difference;
    return backlog > 0 ? static_cast<uint64_t>(backlog) : counts.empty ? 0 : 1;
  }

 private:
  std::optional<int64_t> base_;  // What to add to the difference of the counts.
  uint64_t published_ = 0;
};

}  // namespace bw
