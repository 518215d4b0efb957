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

// What others do with a session, on its thread; each except `open` may be empty.
struct CaptureHooks : SessionHooks {
  // Opens the connection to stream from, having checked through it that the slot continues the
  // spool, and having recovered the spool after a failure. Throws if that is not possible.
  std::function<OpenedServer()> open;
  // The connection is about to stream; it has announced no relation yet.
  std::function<void()> begins;
};

// One session: opens a connection and streams. A transient Error may also mean that a stop request
// interrupted a wait. With `stop_before`, the session is complete when exactly what commits before
// that LSN is captured, though perhaps not yet durable.
SessionEnd RunCaptureSession(const CaptureParts& parts, Spool* spool, const CaptureHooks& hooks,
                             std::optional<Lsn> stop_before = std::nullopt);

}  // namespace bw
