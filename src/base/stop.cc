#include "base/stop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

namespace bw {

Stop::Stop(Clock& clock) : clock_(clock), event_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  BW_CHECK(event_fd_ >= 0);
}

Stop::~Stop() { close(event_fd_); }

void Stop::Request() {
  requested_.store(true, std::memory_order_release);
  const uint64_t one = 1;
  // The counter cannot overflow in practice, and readable is all that matters.
  [[maybe_unused]] const ssize_t written = write(event_fd_, &one, sizeof(one));
}

bool Stop::WaitFor(Duration duration) const {
  clock_.SleepUntil(clock_.Now() + duration, *this);
  return requested();
}

}  // namespace bw
