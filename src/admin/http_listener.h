#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "admin/admin_request.h"
#include "admin/http_exchange.h"
#include "admin/listening_socket.h"

namespace bw {

// Accepts the connections of one listening socket and serves one request on each (HttpExchange), on
// threads of its own: at most kConnectionsMax at once, others are closed at once. Thread-safe.
class HttpListener {
 public:
  static constexpr size_t kConnectionsMax = 32;

  // Called on the listener's thread every 200 ms until it has returned a socket.
  using OpenSocket = std::function<std::optional<ListeningSocket>()>;

  // With a certificate, requests come by TLS.
  HttpListener(OpenSocket open, AdminHandler handler,
               std::shared_ptr<TlsCertificate> certificate = nullptr);
  // Ends the connections.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

 private:
  void Run();
  void Accept();
  void Serve(int fd);
  bool IsFromOwner(int fd) const;

  const OpenSocket open_;
  HttpExchange exchange_;
  std::atomic<bool> stopping_{false};

  std::mutex mutex_;  // Protects what follows.
  std::condition_variable ended_;
  std::set<int> connections_;  // File descriptors.

  std::optional<ListeningSocket> socket_;  // The thread's own.
  std::thread thread_;                     // Last: it uses everything above.
};

}  // namespace bw
