#include "admin/admin_client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "admin/admin_socket.h"
#include "base/error.h"

namespace bw {
namespace {

constexpr time_t kTimeoutSeconds = 10;
// With the head of the request, below HttpExchange::kRequestBytesMax.
constexpr size_t kTargetBytesMax = 7 * 1024;

// The connected socket, or -1 with errno.
int ConnectTo(const std::string& directory) {
  const int directory_fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory_fd < 0) return -1;
  const sockaddr_un address = AddressIn(directory_fd, kAdminSocketName);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected =
      fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  close(directory_fd);
  if (!connected && fd >= 0) close(fd);
  errno = error;
  return connected ? fd : -1;
}

// httplib's client, on a socket that is connected already.
class SocketClient : public httplib::ClientImpl {
 public:
  explicit SocketClient(int fd) : ClientImpl("localhost"), fd_(fd) {
    set_read_timeout(kTimeoutSeconds);
    set_write_timeout(kTimeoutSeconds);
  }

 private:
  bool create_and_connect_socket(Socket& socket, httplib::Error&) override {
    socket.sock = fd_;  // Closed by httplib.
    return true;
  }

  const int fd_;
};

}  // namespace

std::optional<AdminAnswer> AskRelay(const std::string& spool_directory, const std::string& method,
                                    const std::string& path,
                                    const std::multimap<std::string, std::string>& parameters) {
  const std::string target =
      parameters.empty() ? path : httplib::append_query_params(path, parameters);
  if (target.size() > kTargetBytesMax) {
    throw UsageError("This is too long for one request to the relay: use patterns, as sales.*");
  }
  const int fd = ConnectTo(spool_directory);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ECONNREFUSED) return std::nullopt;
    throw Error(
        ErrorKind::kTransient,
        fmt::format(
            "Cannot ask the relay on spool \"{}\": {}. Run this as the user that runs the relay",
            spool_directory, std::generic_category().message(errno)),
        ExitCode::kNoRelay);
  }
  SocketClient client(fd);
  const httplib::Result answer = method == "POST" ? client.Post(target) : client.Get(target);
  if (!answer) {
    throw Error(ErrorKind::kTransient,
                fmt::format("The relay on spool \"{}\" does not answer: {}", spool_directory,
                            httplib::to_string(answer.error())),
                ExitCode::kNoRelay);
  }
  return AdminAnswer{answer->status, answer->body};
}

}  // namespace bw
