#pragma once

#include <atomic>

#include "base/clock.h"

namespace bw {

// The request to stop, which wakes all of our waits. One object for the process; sessions and loops
// hold a reference. Thread-safe; Request() is also safe in a signal handler.
class Stop {
 public:
  explicit Stop(Clock& clock = Clock::Real());
  // The stop of a part: also requested as soon as `whole`, which must outlive it, is. On the real
  // clock. Throws a transient Error when there are no more file descriptors.
  explicit Stop(const Stop* whole);
  ~Stop();
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

  void Request();
  bool requested() const {
    return requested_.load(std::memory_order_acquire) || (whole_ != nullptr && whole_->requested());
  }

  // Becomes readable when a stop is requested: for poll() beside a socket. Never read from it.
  int fd() const { return whole_ == nullptr ? event_fd_ : both_fd_; }

  // Returns at once when a stop is requested, else after `duration`. True when requested.
  bool WaitFor(Duration duration) const;

 private:
  void CloseAll();

  Clock& clock_;
  const Stop* const whole_ = nullptr;
  std::atomic<bool> requested_{false};
  int event_fd_;
  int both_fd_ = -1;  // An epoll of event_fd_ and whole_->fd().
};

}  // namespace bw
