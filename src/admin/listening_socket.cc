#include "admin/listening_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "admin/admin_socket.h"
#include "base/error.h"
#include "base/shown_text.h"
#include "options/admin_address.h"

namespace bw {
namespace {

// Connections that are not accepted yet: as many as the kernel allows, because a request that has
// come by the time its connection is accepted gets through a flood of others.
constexpr int kBacklog = SOMAXCONN;

std::string ErrnoText() { return std::generic_category().message(errno); }

}  // namespace

ListeningSocket ListeningSocket::Tcp(const std::string& address) {
  const auto [host, port] = ParseAdminAddress(address);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int code =
          getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found);
      code != 0) {
    throw UsageError(fmt::format("--admin: \"{}\": {}", Printable(address), gai_strerror(code)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, kBacklog) != 0) {
    const std::string reason = ErrnoText();
    if (fd >= 0) close(fd);
    throw UsageError(
        fmt::format("--admin: cannot listen on \"{}\": {}", Printable(address), reason));
  }
  return {fd, ""};
}

ListeningSocket ListeningSocket::Unix(const std::string& directory, const std::string& name) {
  const int directory_fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const sockaddr_un address = AddressIn(directory_fd, name);
  bool listens = directory_fd >= 0 && fd >= 0;
  if (listens) {
    unlinkat(directory_fd, name.c_str(), 0);
    // Only our user may connect: the umask may say otherwise, the directory does not.
    listens = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
              fchmodat(directory_fd, name.c_str(), 0600, 0) == 0 && listen(fd, kBacklog) == 0;
  }
  const std::string reason = ErrnoText();
  if (directory_fd >= 0) close(directory_fd);
  if (!listens) {
    if (fd >= 0) close(fd);
    throw TransientError(
        fmt::format("Cannot listen on the socket \"{}/{}\": {}", directory, name, reason));
  }
  return {fd, directory + "/" + name};
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::exchange(other.path_, "")) {}

ListeningSocket::~ListeningSocket() {
  if (fd_ < 0) return;
  if (!path_.empty()) unlink(path_.c_str());
  close(fd_);
}

}  // namespace bw
