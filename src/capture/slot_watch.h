#pragma once

#include <optional>
#include <string>

#include "base/lsn.h"
#include "capture/capture_figures.h"
#include "capture/pg_connection.h"
#include "capture/slot_facts.h"

namespace bw {

// Nothing when there is no such slot. Throws Errors of the connection.
std::optional<SlotFacts> ReadSlotFacts(PgConnection* connection, const std::string& slot);

// How much WAL our slot keeps on the server's disk. That is more than what is not confirmed: a slot
// keeps WAL from its restart_lsn on, where decoding would begin again, and restart_lsn only moves
// when confirmed_flush_lsn passes a record of the running transactions. PostgreSQL writes one every
// 15 s and with each checkpoint; under load, hundreds of MiB may lie between. Where PostgreSQL lets
// us (16 and later, EXECUTE on pg_log_standby_snapshot), one more is asked for when the distance is
// large and the confirmed LSN has moved.
// Belongs to one connection, and to its thread.
class SlotWatch {
 public:
  // Everything must outlive it.
  SlotWatch(PgConnection* connection, const std::string& slot, CaptureFigures* figures)
      : connection_(connection), slot_(slot), figures_(figures) {}

  // Throws Errors of the connection.
  void Look();

 private:
  void MayLogSnapshot(Lsn restart, Lsn confirmed);

  PgConnection* const connection_;
  const std::string& slot_;
  CaptureFigures* const figures_;
  bool may_log_snapshot_ = false;  // Not asked again once it is true.
  Lsn confirmed_at_log_;           // When a record was asked for last.
};

}  // namespace bw
