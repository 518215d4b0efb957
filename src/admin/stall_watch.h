#pragma once

#include <optional>

#include "base/clock.h"

namespace bw {

// Tells since when a side has had work and has not advanced. `Progress` is compared with ==; any
// difference is an advance. Not thread-safe.
template <typename Progress>
class StallWatch {
 public:
  // For how long there has been work without an advance; nothing without work.
  std::optional<Duration> Look(TimePoint now, bool has_work, const Progress& progress) {
    if (!has_work) {
      since_.reset();
      return std::nullopt;
    }
    if (!since_ || progress != progress_) since_ = now;
    progress_ = progress;
    return std::chrono::duration_cast<Duration>(now - *since_);
  }

 private:
  std::optional<TimePoint> since_;
  Progress progress_{};
};

}  // namespace bw
