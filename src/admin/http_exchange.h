#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "admin/admin_request.h"
#include "admin/tls_certificate.h"
#include "base/clock.h"

namespace bw {

// How far the request of a connection is.
enum class ExchangePhase {
  kReceiving,  // The head of the request, or the TLS handshake before it, is not complete.
  kHandling,
  kSending,
};

// Serves one HTTP request on a connection: cpp-httplib reads and writes the messages, this class
// limits what a client can take. Head and body together have at most kRequestBytesMax, and
// everything is over after kRequestTime, however slowly it comes. Thread-safe.
class HttpExchange {
 public:
  static constexpr size_t kRequestBytesMax = 8 * 1024;
  static constexpr Duration kRequestTime{5'000};

  // With a certificate, requests come by TLS.
  explicit HttpExchange(AdminHandler handler,
                        std::shared_ptr<TlsCertificate> certificate = nullptr);
  ~HttpExchange();

  // `fd` is a connected socket, which stays open. What cannot be read as a request is answered with
  // its status (400, 414), or not at all. `phase` may be null; others may read it meanwhile.
  void Serve(int fd, bool from_owner, std::atomic<ExchangePhase>* phase = nullptr);

 private:
  class Server;

  const std::shared_ptr<TlsCertificate> certificate_;  // Null for plain HTTP.
  const std::unique_ptr<Server> server_;
};

}  // namespace bw
