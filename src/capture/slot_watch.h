#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"
#include "base/lsn.h"
#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "capture/pg_connection.h"

namespace bw {

// How much WAL our slot keeps on the server's disk. That is more than what is not confirmed: a slot
// keeps WAL from its restart_lsn on, where decoding would begin again, and restart_lsn only moves
// when confirmed_flush_lsn passes a record of the running transactions. PostgreSQL writes one every
// 15 s and with each checkpoint; under load, hundreds of MiB may lie between. Where PostgreSQL lets
// us (16 and later, EXECUTE on pg_log_standby_snapshot), one more is asked for when the distance is
// large and the confirmed LSN has moved.
//
// Its failures are for the log: capture does not depend on it.
class SlotWatch {
 public:
  // Looks about once a second, on a thread and a connection of its own, until it is destroyed.
  // `options` and `figures` must outlive it.
  SlotWatch(const CaptureOptions& options, CaptureFigures* figures);
  ~SlotWatch();
  SlotWatch(const SlotWatch&) = delete;
  SlotWatch& operator=(const SlotWatch&) = delete;

 private:
  void Run();
  void Look(PgConnection* connection);
  void MayLogSnapshot(PgConnection* connection, Lsn restart, Lsn confirmed);

  const CaptureOptions& options_;
  CaptureFigures* const figures_;
  Stop end_;
  // The thread's own.
  std::optional<bool> may_log_snapshot_;  // Asked once for each connection.
  Lsn confirmed_at_log_;                  // When a record was asked for last.
  std::unique_ptr<Thread> thread_;        // Last: it uses everything above.
};

}  // namespace bw
