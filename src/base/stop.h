#pragma once

#include <atomic>

#include "base/clock.h"

namespace bw {

// The request to stop, which wakes every wait of ours. One object for the process; sessions and
// loops hold a reference. Thread-safe; Request() is also safe in a signal handler.
class Stop {
 public:
  explicit Stop(Clock& clock = Clock::Real());
  ~Stop();
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

  void Request();
  bool requested() const { return requested_.load(std::memory_order_acquire); }

  // Becomes readable when a stop is requested: for poll() beside a socket. Never read from it.
  int fd() const { return event_fd_; }

  // Returns at once when a stop is requested, else after `duration`. True when requested.
  bool WaitFor(Duration duration) const;

 private:
  Clock& clock_;
  std::atomic<bool> requested_{false};
  int event_fd_;
};

}  // namespace bw
