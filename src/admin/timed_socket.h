#pragma once

#include <poll.h>

#include <chrono>

#include "base/clock.h"

namespace bw {

// A socket with a time by which everything on it must be over.
struct TimedSocket {
  int fd = -1;
  TimePoint deadline;

  // False when `events` (POLLIN, POLLOUT) have not come by the deadline.
  bool WaitFor(short events) const {
    const auto left =
        std::chrono::duration_cast<Duration>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{fd, events, 0};
    return left > Duration(0) && poll(&waiting, 1, static_cast<int>(left.count())) == 1;
  }
};

}  // namespace bw
