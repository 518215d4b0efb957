#pragma once

#include <functional>
#include <optional>

#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "capture/capture_session.h"
#include "capture/relation_cache.h"
#include "capture/server_inspection.h"
#include "spool/spool.h"

// Capture against a real PostgreSQL. In the order in which the relay uses them:
//
//   CheckCaptureOptions (capture_options.h)     usage errors, before anything
//   InspectServer          (server_inspection.h)   facts for Reconcile
//   first start:  PrepareFirstStart, RunFirstStart (first_start.h)
//   then, until the process ends: WaitForRoom (capture_session.h), RunCaptureSession, again after
//   every transient Error

namespace bw {

// What others do with a session while it runs, all on its thread; each may be empty.
struct CaptureHooks {
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

// One session: connects, checks once more that the slot continues the spool (stream_check.h),
// and streams. A transient Error may also mean that a wait was cut short by the stop. `figures`
// outlives all sessions. With `stop_before` it is complete when exactly what commits before it is
// captured, durable or not yet.
SessionEnd RunCaptureSession(const CaptureOptions& options, Spool* spool, CaptureFigures* figures,
                             const Stop& stop, const CaptureHooks& hooks,
                             std::optional<Lsn> stop_before = std::nullopt);

}  // namespace bw
