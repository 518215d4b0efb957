#include "admin/http_exchange.h"

#include <httplib.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "admin/timed_socket.h"
#include "admin/tls_session.h"

namespace bw {
namespace {

// One connection, with a limit for all that is read and a deadline for everything. httplib's own
// stream limits each line of a head and each wait, but neither the number of lines nor the waits.
class LimitedStream : public httplib::Stream {
 public:
  // `tls` is null for a plain connection, `phase` when nobody wants to know it.
  LimitedStream(const TimedSocket& socket, TlsSession* tls, std::atomic<ExchangePhase>* phase)
      : socket_(socket), tls_(tls), phase_(phase) {}

  void SetPhase(ExchangePhase phase) {
    if (phase_ != nullptr) *phase_ = phase;
  }

  bool is_readable() const override { return begin_ < end_ || socket_.WaitFor(POLLIN); }
  bool is_writable() const override { return socket_.WaitFor(POLLOUT); }

  ssize_t read(char* out, size_t size) override {
    if (begin_ == end_ && !Fill()) return -1;
    const size_t count = std::min(size, end_ - begin_);
    std::memcpy(out, buffer_.data() + begin_, count);
    begin_ += count;
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* data, size_t size) override {
    SetPhase(ExchangePhase::kSending);
    if (tls_ != nullptr) return tls_->Write(data, size);
    if (!socket_.WaitFor(POLLOUT)) return -1;
    return send(socket_.fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    char host[NI_MAXHOST];
    char service[NI_MAXSERV];
    auto* const address = reinterpret_cast<sockaddr*>(&peer);
    if (getpeername(socket_.fd, address, &size) != 0 || peer.ss_family == AF_UNIX ||
        getnameinfo(address, size, host, sizeof host, service, sizeof service,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
      return;
    }
    ip = host;
    port = std::atoi(service);
  }
  // Nobody asks for this.
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_.fd; }

 private:
  ssize_t Receive(char* out, size_t size) {
    if (tls_ != nullptr) return tls_->Read(out, size);
    return socket_.WaitFor(POLLIN) ? recv(socket_.fd, out, size, 0) : -1;
  }

  bool Fill() {
    const size_t room = std::min(buffer_.size(), HttpExchange::kRequestBytesMax - bytes_read_);
    if (room == 0) return false;
    const ssize_t received = Receive(buffer_.data(), room);
    if (received <= 0) return false;
    bytes_read_ += static_cast<size_t>(received);
    begin_ = 0;
    end_ = static_cast<size_t>(received);
    return true;
  }

  const TimedSocket socket_;
  TlsSession* const tls_;
  std::atomic<ExchangePhase>* const phase_;
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

// Empty when there are several: another program on the way may have read another one of them.
std::string OnlyValue(const httplib::Request& request, const char* header) {
  return request.get_header_value_count(header) == 1 ? request.get_header_value(header) : "";
}

AdminRequest RequestFrom(const httplib::Request& request, bool from_owner) {
  AdminRequest result{.method = request.method,
                      .path = request.path,
                      .parameters = {request.params.begin(), request.params.end()},
                      .has_body = HasBody(request),
                      .host = OnlyValue(request, "Host"),
                      .authorization = OnlyValue(request, "Authorization"),
                      .peer = request.remote_addr,
                      .from_owner = from_owner};
  return result;
}

}  // namespace

// httplib parses a request and writes the response; it neither listens nor routes here, since its
// routes are regular expressions.
class HttpExchange::Server : private httplib::Server {
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

  void Serve(const TimedSocket& socket, TlsSession* tls, bool from_owner,
             std::atomic<ExchangePhase>* phase) {
    LimitedStream stream(socket, tls, phase);
    // Called once the head is complete.
    Process(stream, [&](httplib::Request& request) {
      stream.SetPhase(ExchangePhase::kHandling);
      // httplib would send an answer as often as the ranges ask for it.
      request.ranges.clear();
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
      std::string ip;
      int port = 0;
      stream.get_remote_ip_and_port(ip, port);
      process_request(stream, ip, port, "", 0, true, closed, prepare);
    }
  }

  // Carries a fact from the socket to the handler; whatever a client sends of this name is erased.
  static constexpr const char* kFromOwner = "Bottledwater-From-Owner";

  const AdminHandler handler_;
};

HttpExchange::HttpExchange(AdminHandler handler, std::shared_ptr<TlsCertificate> certificate)
    : certificate_(std::move(certificate)), server_(std::make_unique<Server>(std::move(handler))) {}

HttpExchange::~HttpExchange() = default;

void HttpExchange::Serve(int fd, bool from_owner, std::atomic<ExchangePhase>* phase) {
  const TimedSocket socket{fd, std::chrono::steady_clock::now() + kRequestTime};
  if (!certificate_) {
    server_->Serve(socket, nullptr, from_owner, phase);
    return;
  }
  TlsSession tls(certificate_->Context(), socket);
  if (tls.Accept()) server_->Serve(socket, &tls, from_owner, phase);
}

}  // namespace bw
