#pragma once

#include <chrono>
#include <cstdint>

namespace bw {

using Duration = std::chrono::milliseconds;
using TimePoint = std::chrono::steady_clock::time_point;

// Time, as an interface so that a simulation can own it. All methods are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() = 0;
  // Microseconds since 1970-01-01 UTC. May jump; only shown to people, never used for decisions.
  virtual int64_t WallMicros() = 0;

  static Clock& Real();
};

}  // namespace bw
