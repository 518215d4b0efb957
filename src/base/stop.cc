#include "base/stop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "base/error.h"

namespace bw {

Stop::Stop() : event_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { BW_CHECK(event_fd_ >= 0); }

Stop::~Stop() { close(event_fd_); }

void Stop::Request() {
  requested_.store(true, std::memory_order_release);
  const uint64_t one = 1;
  // The counter cannot overflow in practice, and readable is all that matters.
  [[maybe_unused]] const ssize_t written = write(event_fd_, &one, sizeof(one));
}

bool Stop::WaitFor(Duration duration) const {
  const TimePoint deadline = std::chrono::steady_clock::now() + duration;
  while (!requested()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    pollfd descriptor{event_fd_, POLLIN, 0};
    poll(&descriptor, 1, static_cast<int>(std::min<int64_t>(left.count(), INT_MAX)));
  }
  return requested();
}

}  // namespace bw
