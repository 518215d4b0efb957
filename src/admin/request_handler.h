#pragma once

#include "admin/admin_request.h"
#include "admin/monitor.h"
#include "options/options.h"
#include "relay/relay.h"

namespace bw {

// What each request is answered with:
//
//   GET  /           a page that shows the pipeline live
//   GET  /status     everything, as JSON
//   GET  /metrics    for Prometheus
//   GET  /livez      200 while the process answers
//   GET  /readyz     200, or 503 when a side has had work and no progress for --stall-after
//   POST /pause?side=capture|publish, /resume?side=...
//   POST /resnapshot?table=public.orders&table=sales.*
//
// admin_access.h says whose requests are refused. Thread-safe.
class RequestHandler {
 public:
  // Both must outlive it.
  RequestHandler(const AdminOptions& options, Relay* relay, const Monitor* monitor)
      : options_(options), relay_(relay), monitor_(monitor) {}

  // Does not throw.
  AdminResponse Handle(const AdminRequest& request);

 private:
  AdminResponse Answer(const AdminRequest& request);
  AdminResponse Steer(const AdminRequest& request);
  AdminResponse PauseOrResume(const AdminRequest& request);
  AdminResponse Resnapshot(const AdminRequest& request);

  const AdminOptions options_;
  Relay* const relay_;
  const Monitor* const monitor_;
};

}  // namespace bw
