#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "admin/http_listener.h"
#include "admin/monitor.h"
#include "admin/request_handler.h"
#include "options/options.h"
#include "relay/relay.h"

namespace bw {

// What people and programs see of a running relay, and how they steer it (docs/admin.md): on a Unix
// socket in the spool's directory, which the relay holds; and with --admin on TCP.
//
// It serves from construction to destruction, on threads of its own.
class AdminServer {
 public:
  // Throws a usage Error when --admin cannot be listened on, or its certificate cannot be used.
  AdminServer(const AdminOptions& options, const std::string& spool_directory, Relay* relay,
              std::shared_ptr<EventLog> events);
  ~AdminServer();

 private:
  std::optional<ListeningSocket> OpenUnixSocket();

  const std::string spool_directory_;
  bool has_said_unix_error_ = false;  // The Unix listener's own.

  const std::shared_ptr<TlsCertificate> certificate_;  // Null without TLS.
  Monitor monitor_;
  RequestHandler handler_;
  // Last: their threads use everything above.
  std::unique_ptr<HttpListener> tcp_listener_;  // Null without --admin.
  std::unique_ptr<HttpListener> unix_listener_;
};

}  // namespace bw
