#pragma once

#include <functional>
#include <optional>

#include "base/clock.h"
#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "capture/capture_session.h"
#include "capture/postgres_server.h"
#include "capture/relation_cache.h"
#include "spool/spool.h"

// The capture side in the order in which the relay uses it:
//
//   PostgresServer::Connect, Look                  facts for Reconcile
//   first start:  PrepareFirstStart, RunFirstStart (first_start.h)
//   then, until the process ends: WaitForRoom (capture_session.h), RunCaptureSession, again after
//   every transient Error

namespace bw {

// What capture works with. All of it outlives every session.
struct CaptureParts {
  const CaptureOptions* options = nullptr;
  PostgresServer* server = nullptr;
  CaptureFigures* figures = nullptr;
  Clock* clock = nullptr;
  const Stop* stop = nullptr;
};

// What others do with a session, all on its thread; each but `open` may be empty.
struct CaptureHooks {
  // Where a session streams from: a connection through which it was just found that the slot
  // continues the spool, which has recovered from whatever failed. Throws what stands in the way.
  std::function<OpenedServer()> open;
  // The server has worked with the session; called once.
  std::function<void()> made_progress;
  // A relation is new to this connection or looks different.
  std::function<void(const CachedRelation& relation)> relation_changed;
  // The connection is about to stream; it has announced no relation yet.
  std::function<void()> begins;
  // Asked about once a second: an LSN ends the session between two transactions, as soon as the
  // next one would be sent nothing that commits before it; at once, when it is 0
  // (SessionEnd::kWanted).
  std::function<std::optional<Lsn>()> end_wanted;
};

// One session: opens a connection and streams. A transient Error may also mean that a wait was cut
// short by the stop. With `stop_before` it is complete when exactly what commits before it is
// captured, durable or not yet.
SessionEnd RunCaptureSession(const CaptureParts& parts, Spool* spool, const CaptureHooks& hooks,
                             std::optional<Lsn> stop_before = std::nullopt);

}  // namespace bw
