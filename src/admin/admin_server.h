#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "admin/http_listener.h"
#include "admin/monitor.h"
#include "options/options.h"
#include "relay/relay.h"

namespace bw {

// What people and programs see of a running relay, and how they steer it (docs/admin.md):
//
//   GET  /           a page that shows the pipeline live
//   GET  /status     everything, as JSON
//   GET  /metrics    for Prometheus
//   GET  /livez      200 while the process answers
//   GET  /readyz     200, or 503 when a side has had work and no progress for --stall-after
//   POST /pause?side=capture|publish, /resume?side=...
//   POST /resnapshot?table=public.orders&table=sales.*
//
// On a Unix socket in the spool's directory, once the relay has opened the spool; and with --admin
// on TCP. POST needs the socket's owner, or over TCP the token of --admin-token-file. A request
// by TCP whose Host is a name other than localhost is refused: a web page in somebody's browser
// could otherwise read the status through a name of its own (DNS rebinding).
//
// It serves from construction to destruction, on threads of its own.
class AdminServer {
 public:
  // Throws a usage Error when --admin cannot be listened on.
  AdminServer(const AdminOptions& options, const std::string& spool_directory, Relay* relay,
              std::shared_ptr<EventLog> events);
  ~AdminServer();

 private:
  std::optional<ListeningSocket> OpenUnixSocket();
  AdminResponse Handle(const AdminRequest& request);
  AdminResponse Answer(const AdminRequest& request);
  AdminResponse Steer(const AdminRequest& request);
  AdminResponse PauseOrResume(const AdminRequest& request);
  AdminResponse Resnapshot(const AdminRequest& request);
  // Why the request is refused; nothing when it may be served.
  std::optional<AdminResponse> Refusal(const AdminRequest& request) const;

  const AdminOptions options_;
  const std::string spool_directory_;
  Relay* const relay_;
  bool has_said_unix_error_ = false;  // The Unix listener's own.

  Monitor monitor_;
  // Last: their threads use everything above.
  std::unique_ptr<HttpListener> tcp_listener_;  // Null without --admin.
  std::unique_ptr<HttpListener> unix_listener_;
};

}  // namespace bw
