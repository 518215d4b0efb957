#include "admin/http_listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <httplib.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include "admin/admin_socket.h"
#include "base/error.h"
#include "base/log.h"
#include "options/admin_address.h"

namespace bw {
namespace {

// How often the listener's thread looks whether it is to stop.
constexpr std::chrono::duration<int, std::milli> kStopLook{200};
constexpr int kBacklog = 64;

std::string ErrnoText() { return std::generic_category().message(errno); }

// One connection, with a limit for all that is read and a deadline for everything. httplib's own
// stream limits each line of a head and each wait, but neither the number of lines nor the waits.
class LimitedStream : public httplib::Stream {
 public:
  explicit LimitedStream(int fd)
      : fd_(fd), deadline_(std::chrono::steady_clock::now() + HttpListener::kRequestTime) {}

  bool is_readable() const override { return begin_ < end_ || WaitFor(POLLIN); }
  bool is_writable() const override { return WaitFor(POLLOUT); }

  ssize_t read(char* out, size_t size) override {
    if (begin_ == end_ && !Fill()) return -1;
    const size_t count = std::min(size, end_ - begin_);
    std::memcpy(out, buffer_.data() + begin_, count);
    begin_ += count;
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* data, size_t size) override {
    if (!WaitFor(POLLOUT)) return -1;
    return send(fd_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  // Nobody asks for these: no request is logged.
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return fd_; }

 private:
  bool WaitFor(short events) const {
    const auto left =
        std::chrono::duration_cast<Duration>(deadline_ - std::chrono::steady_clock::now());
    pollfd waiting{fd_, events, 0};
    return left > Duration(0) && poll(&waiting, 1, static_cast<int>(left.count())) == 1;
  }

  bool Fill() {
    const size_t room = std::min(buffer_.size(), HttpListener::kRequestBytesMax - bytes_read_);
    if (room == 0 || !WaitFor(POLLIN)) return false;
    const ssize_t received = recv(fd_, buffer_.data(), room, 0);
    if (received <= 0) return false;
    bytes_read_ += static_cast<size_t>(received);
    begin_ = 0;
    end_ = static_cast<size_t>(received);
    return true;
  }

  const int fd_;
  const TimePoint deadline_;
  size_t bytes_read_ = 0;
  std::array<char, 4096> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// Nobody reads it.
bool HasBody(const httplib::Request& request) {
  const std::string length = request.get_header_value("Content-Length");
  return request.has_header("Transfer-Encoding") || (!length.empty() && length != "0");
}

AdminRequest RequestFrom(const httplib::Request& request, bool from_owner) {
  AdminRequest result{.method = request.method,
                      .path = request.path,
                      .parameters = {request.params.begin(), request.params.end()},
                      .has_body = HasBody(request),
                      .host = request.get_header_value("Host"),
                      .authorization = request.get_header_value("Authorization"),
                      .from_owner = from_owner};
  return result;
}

}  // namespace

// --- Sockets -------------------------------------------------------------------------------------

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

// --- Requests ------------------------------------------------------------------------------------

// httplib parses a request and writes the response; it neither listens nor routes here, since its
// routes are regular expressions.
class HttpListener::Server : private httplib::Server {
 public:
  explicit Server(AdminHandler handler) : handler_(std::move(handler)) {
    set_keep_alive_max_count(1);
    set_payload_max_length(kRequestBytesMax);
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      const bool from_owner = request.has_header(kFromOwner);
      AdminResponse answer = handler_(RequestFrom(request, from_owner));
      response.status = answer.status;
      response.set_content(std::move(answer.body), answer.content_type);
      response.set_header("Cache-Control", "no-store");
      response.set_header("X-Content-Type-Options", "nosniff");
      for (const auto& [name, value] : answer.headers) response.set_header(name.c_str(), value);
      return HandlerResponse::Handled;
    });
  }

  void Serve(int fd, bool from_owner) {
    LimitedStream stream(fd);
    Process(stream, [&](httplib::Request& request) {
      request.headers.erase(kFromOwner);
      if (from_owner) request.headers.emplace(kFromOwner, "");
    });
  }

 private:
  // One request, after which the connection is closed. A template, so that only the branch for the
  // httplib at hand has to compile: newer ones (Debian 13) want addresses for their log.
  template <class Stream>
  void Process(Stream& stream, const std::function<void(httplib::Request&)>& prepare) {
    bool closed = false;
    if constexpr (requires { process_request(stream, true, closed, prepare); }) {
      process_request(stream, true, closed, prepare);
    } else {
      process_request(stream, "", 0, "", 0, true, closed, prepare);
    }
  }

  // Carries a fact from the socket to the handler; whatever a client sends of this name is erased.
  static constexpr const char* kFromOwner = "Bottledwater-From-Owner";

  const AdminHandler handler_;
};

HttpListener::HttpListener(OpenSocket open, AdminHandler handler)
    : open_(std::move(open)),
      server_(std::make_unique<Server>(std::move(handler))),
      thread_([this] { Run(); }) {}

HttpListener::~HttpListener() {
  stopping_ = true;
  thread_.join();
  std::unique_lock lock(mutex_);
  for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
  ended_.wait(lock, [this] { return connections_.empty(); });
}

void HttpListener::Run() {
  while (!stopping_) {
    if (socket_) {
      Accept();
    } else if (auto opened = open_()) {
      socket_.emplace(*std::move(opened));
    } else {
      std::this_thread::sleep_for(kStopLook);
    }
  }
}

void HttpListener::Accept() {
  pollfd waiting{socket_->fd(), POLLIN, 0};
  if (poll(&waiting, 1, kStopLook.count()) != 1) return;
  const int fd = accept4(socket_->fd(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) {
    // For want of file descriptors, for example: without a pause this would spin.
    if (errno != EAGAIN) std::this_thread::sleep_for(kStopLook);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (connections_.size() >= kConnectionsMax) {
      close(fd);
      return;
    }
    connections_.insert(fd);
  }
  try {
    std::thread([this, fd] { Serve(fd); }).detach();
  } catch (const std::system_error&) {  // No more threads.
    const std::lock_guard lock(mutex_);
    connections_.erase(fd);
    close(fd);
  }
}

void HttpListener::Serve(int fd) {
  try {
    server_->Serve(fd, IsFromOwner(fd));
  } catch (const std::exception& error) {
    spdlog::debug("an admin request failed: {}", error.what());
  }
  const std::lock_guard lock(mutex_);
  connections_.erase(fd);
  close(fd);  // Under the lock: the destructor must not meet another file of this number.
  ended_.notify_all();
}

bool HttpListener::IsFromOwner(int fd) const {
  if (!socket_->is_unix()) return false;
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == geteuid() || peer.uid == 0);
}

}  // namespace bw
