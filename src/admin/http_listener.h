#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include "admin/admin_request.h"
#include "admin/http_exchange.h"
#include "admin/listening_socket.h"

namespace bw {

// Accepts the connections of one listening socket and serves one request on each (HttpExchange), on
// threads of its own: at most kConnectionsMax at once. A further one waits until the oldest whose
// request is not complete has had its turn (kTurn), and takes its place, so that clients that say
// nothing keep nobody out. Thread-safe.
class HttpListener {
 public:
  static constexpr size_t kConnectionsMax = 32;
  // For how long a connection is not given up for another: enough for a TLS handshake, and for a
  // busy machine. 200 clients that say nothing delay others by half a second.
  static constexpr std::chrono::milliseconds kTurn{100};

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
  struct Connection {
    explicit Connection(int connected) : fd(connected) {}
    const int fd;
    const TimePoint accepted = std::chrono::steady_clock::now();
    std::atomic<ExchangePhase> phase{ExchangePhase::kReceiving};
    bool evicted = false;  // Shut down for a newer one; its thread is about to end.
  };
  using Connections = std::list<Connection>;

  void Run();
  void Accept();
  void Add(int fd);
  bool MakeRoom(std::unique_lock<std::mutex>* lock);
  Connection* OldestToEvict();
  void Serve(Connections::iterator connection);
  void Remove(Connections::iterator connection);
  bool IsFromOwner(int fd) const;

  const OpenSocket open_;
  HttpExchange exchange_;
  std::atomic<bool> stopping_{false};

  std::mutex mutex_;  // Protects what follows.
  std::condition_variable ended_;
  Connections connections_;  // The oldest first.

  std::optional<ListeningSocket> socket_;  // The thread's own.
  std::thread thread_;                     // Last: it uses everything above.
};

}  // namespace bw
