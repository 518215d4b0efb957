#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace bw {

// How often the keeper may look, so that a large catalog, in which a look takes long, is not looked
// at all the time. Pure.
//
//   whether anything has changed:   a part in 20 of the time
//   all tables, when it has:        a third: until then, PostgreSQL may refuse others' statements
//   all tables again, unchanged:    a third, and half as often each time, down to a part in 20
class LookPace {
 public:
  static constexpr int kPauseMax = 20;
  static constexpr int kPauseAfterChange = 2;

  // How long to wait after a look that only compared.
  static Duration PauseAfter(TimePoint begin, TimePoint end) {
    return std::chrono::ceil<Duration>((end - begin) * kPauseMax);
  }
  // From when on all tables may be looked at.
  TimePoint Due(bool is_changed) const {
    return end_ + took_ * (is_changed ? kPauseAfterChange : pause_);
  }
  // All tables were looked at.
  void NoteLook(TimePoint begin, TimePoint end, bool was_changed) {
    pause_ = was_changed ? kPauseAfterChange : std::min(2 * pause_, kPauseMax);
    took_ = end - begin;
    end_ = end;
  }

 private:
  TimePoint end_;
  TimePoint::duration took_{0};
  int pause_ = kPauseAfterChange;  // As many times as long as the look took.
};

}  // namespace bw
