#include "base/stop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

namespace bw {

Stop::Stop(Clock& clock) : clock_(clock), event_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  BW_CHECK(event_fd_ >= 0);
}

Stop::Stop(const Stop* whole)
    : clock_(Clock::Real()),
      whole_(whole),
      event_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      both_fd_(epoll_create1(EPOLL_CLOEXEC)) {
  for (const int fd : {event_fd_, whole->fd()}) {
    epoll_event wanted{.events = EPOLLIN, .data = {}};
    if (epoll_ctl(both_fd_, EPOLL_CTL_ADD, fd, &wanted) == 0) continue;
    CloseAll();
    throw Error(ErrorKind::kTransient, "no more file descriptors");
  }
}

Stop::~Stop() { CloseAll(); }

void Stop::CloseAll() {
  if (both_fd_ >= 0) close(both_fd_);
  if (event_fd_ >= 0) close(event_fd_);
}

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
