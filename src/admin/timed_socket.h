#pragma once

#include <poll.h>

#include <cerrno>
#include <chrono>

#include "base/clock.h"

namespace bw {

// A socket with a time by which everything on it must be over.
struct TimedSocket {
  int fd = -1;
  TimePoint deadline;

  // False when `events` (POLLIN, POLLOUT) have not come by the deadline.
  bool WaitFor(short events) const {
    while (true) {
      const auto left =
          std::chrono::duration_cast<Duration>(deadline - std::chrono::steady_clock::now());
      if (left <= Duration(0)) return false;
      pollfd waiting{fd, events, 0};
      const int ready = poll(&waiting, 1, static_cast<int>(left.count()));
      // A signal is no reason to drop a client.
      if (ready >= 0 || errno != EINTR) return ready == 1;
    }
  }
};

}  // namespace bw
