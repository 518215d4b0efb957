#include "tail/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "base/error.h"

namespace bw {

bool Output::Flush() {
  if (has_failed_) return false;
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
      bytes_written_ += static_cast<uint64_t>(written);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd wanted{.fd = descriptor_, .events = POLLOUT, .revents = 0};
      poll(&wanted, 1, -1);
    } else if (errno != EINTR) {
      const int reason = errno;
      has_failed_ = true;
      if (reason == EPIPE) return false;
      throw Error(ErrorKind::kHalt,
                  "The output cannot be written: " + std::generic_category().message(reason),
                  ExitCode::kSpoolUnusable);
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
