#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "base/clock.h"

namespace bw {

// A request, as far as a handler needs it.
struct AdminRequest {
  std::string method;                                  // "GET".
  std::string path;                                    // "/status", decoded, without the query.
  std::multimap<std::string, std::string> parameters;  // Of the query.
  bool has_body = false;                               // Which is not read.
  std::string host;                                    // The header's value; empty without one.
  std::string authorization;                           // Likewise.
  bool from_owner = false;  // Came by the Unix socket, from a process of our user or of root.
};

struct AdminResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::map<std::string, std::string> headers = {};  // Beside those that every answer has.
};

// Called on several threads at once. Must not throw.
using AdminHandler = std::function<AdminResponse(const AdminRequest& request)>;

// A listening socket; moves like a unique_ptr.
class ListeningSocket {
 public:
  // `address` is "HOST:PORT", "[IPV6]:PORT" or ":PORT". Throws a usage Error that names --admin.
  static ListeningSocket Tcp(const std::string& address);
  // `directory`/`name`, which only our user can use; replaces a socket that a dead process has
  // left. Any length of path works. Throws a transient Error.
  static ListeningSocket Unix(const std::string& directory, const std::string& name);

  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();

  int fd() const { return fd_; }
  bool is_unix() const { return !path_.empty(); }

 private:
  ListeningSocket(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  int fd_;
  std::string path_;  // Removed at the end; empty for TCP.
};

// Serves HTTP requests of one listening socket: cpp-httplib reads and writes the messages, this
// class limits what a client can take. One request per connection, whose head and body together
// have at most kRequestBytesMax, and which is over after kRequestTime, however slowly it comes;
// at most kConnectionsMax at once, others are closed at once. Thread-safe.
class HttpListener {
 public:
  static constexpr size_t kRequestBytesMax = 8 * 1024;
  static constexpr Duration kRequestTime{5'000};
  static constexpr size_t kConnectionsMax = 32;

  // Called on the listener's thread every 200 ms until it has returned a socket.
  using OpenSocket = std::function<std::optional<ListeningSocket>()>;

  HttpListener(OpenSocket open, AdminHandler handler);
  // Ends the connections.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

 private:
  class Server;

  void Run();
  void Accept();
  void Serve(int fd);
  bool IsFromOwner(int fd) const;

  const OpenSocket open_;
  const std::unique_ptr<Server> server_;
  std::atomic<bool> stopping_{false};

  std::mutex mutex_;  // Protects what follows.
  std::condition_variable ended_;
  std::set<int> connections_;  // File descriptors.

  std::optional<ListeningSocket> socket_;  // The thread's own.
  std::thread thread_;                     // Last: it uses everything above.
};

}  // namespace bw
