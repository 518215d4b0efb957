#pragma once

#include "admin/admin_request.h"
#include "admin/monitor.h"
#include "admin/refused_requests.h"
#include "admin/tls_certificate.h"
#include "options/options.h"
#include "relay/relay.h"

namespace bw {

// What each request is answered with:
//
//   GET  /           a page that shows the pipeline live
//   GET  /status     everything, as JSON
//   GET  /metrics    for Prometheus
//   GET  /livez      200, or 503 when the relay has not answered its monitor for a minute
//   GET  /readyz     200, or 503 when a side has had work and no progress for --stall-after
//   POST /pause?side=capture|publish, /resume?side=...
//   POST /resume?table=public.orders
//   POST /resnapshot?table=public.orders&table=sales.*
//
// admin_access.h says whose requests are refused. Thread-safe.
class RequestHandler {
 public:
  // All must outlive it. `certificate` is that of --admin; null without TLS.
  RequestHandler(const AdminOptions& options, Relay* relay, const Monitor* monitor,
                 TlsCertificate* certificate = nullptr)
      : options_(options), relay_(relay), monitor_(monitor), certificate_(certificate) {}

  // Does not throw.
  AdminResponse Handle(const AdminRequest& request);

 private:
  AdminResponse Answer(const AdminRequest& request);
  AdminResponse Metrics() const;
  AdminResponse Steer(const AdminRequest& request);
  AdminResponse PauseOrResume(const AdminRequest& request);
  AdminResponse ResumeHeld(const AdminRequest& request);
  AdminResponse Resnapshot(const AdminRequest& request);

  const AdminOptions options_;
  RefusedRequests refused_;
  Relay* const relay_;
  const Monitor* const monitor_;
  TlsCertificate* const certificate_;
};

}  // namespace bw
