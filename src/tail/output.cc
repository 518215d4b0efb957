#include "tail/output.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "base/error.h"

namespace bw {

bool Output::Flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd wanted{.fd = descriptor_, .events = POLLOUT, .revents = 0};
      poll(&wanted, 1, -1);
    } else if (errno == EPIPE) {
      return false;
    } else if (errno != EINTR) {
      throw Error(ErrorKind::kHalt,
                  fmt::format("cannot write to standard output: {}",
                              std::generic_category().message(errno)),
                  ExitCode::kTryAgain);
    }
  }
  buffer_.clear();
  return true;
}

bool Output::is_terminal() const { return isatty(descriptor_) == 1; }

bool Output::reader_is_gone() const {
  pollfd end{.fd = descriptor_, .events = 0, .revents = 0};
  return poll(&end, 1, 0) > 0 && (end.revents & POLLERR) != 0;
}

}  // namespace bw
