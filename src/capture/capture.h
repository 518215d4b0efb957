#pragma once

#include <functional>
#include <optional>

#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "capture/capture_session.h"
#include "capture/server_inspection.h"
#include "spool/spool.h"

// Capture against a real PostgreSQL. In the order in which the relay uses them:
//
//   ValidateCaptureOptions (capture_options.h)     usage errors, before anything
//   InspectServer          (server_inspection.h)   facts for Reconcile
//   first start:  PrepareFirstStart, RunFirstStart (first_start.h)
//   then, until the process ends: WaitForRoom (capture_session.h), RunCaptureSession, again after
//   every transient Error

namespace bw {

// One session: connects, checks once more that the slot continues the spool (stream_check.h),
// and streams. A transient Error may also mean that a wait was cut short by the stop. `figures`
// outlives all sessions. `made_progress` is called once the server has worked with the session; may
// be empty. With `stop_before` it is complete when exactly what commits before it is captured,
// durable or not yet.
SessionEnd RunCaptureSession(const CaptureOptions& options, Spool* spool, CaptureFigures* figures,
                       const Stop& stop, const std::function<void()>& made_progress,
                       std::optional<Lsn> stop_before = std::nullopt);

}  // namespace bw
