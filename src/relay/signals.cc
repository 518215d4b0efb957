#include "relay/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "base/error.h"

namespace bw {
namespace {

std::atomic<Stop*> stop_on_signal{nullptr};
std::atomic<bool> stop_was_requested{false};
static_assert(std::atomic<Stop*>::is_always_lock_free);  // So that a signal handler may use it.

void HandleSignal(int number) {
  const int saved_errno = errno;
  Stop* const stop = stop_on_signal.load(std::memory_order_acquire);
  if (stop_was_requested.exchange(true)) _exit(128 + number);
  if (stop != nullptr) stop->Request();
  errno = saved_errno;
}

void Install(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  // Our own waits wake up through the stop's descriptor; the libraries need not see EINTR.
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  BW_CHECK(sigaction(number, &action, nullptr) == 0);
}

}  // namespace

void InstallSignalHandlers(Stop* stop) {
  stop_on_signal.store(stop, std::memory_order_release);
  Install(SIGTERM, HandleSignal);
  Install(SIGINT, HandleSignal);
  Install(SIGPIPE, SIG_IGN);
}

}  // namespace bw
