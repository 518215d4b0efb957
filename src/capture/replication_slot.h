#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/lsn.h"
#include "base/stop.h"
#include "capture/capture_options.h"
#include "capture/pg_connection.h"

namespace bw {

// The beginning of the command that makes the slot, as pg_stat_activity shows it; ends with a
// space.
std::string CreateSlotCommand(std::string_view slot);

struct CreatedSlot {
  // Every transaction that commits at or after it will be streamed; the snapshot holds exactly
  // those that committed before it.
  Lsn consistent_point;
  std::string snapshot_name;  // Empty when none was exported.
};

// Creates a permanent logical slot for pgoutput, named as the options say. `replication` is in
// replication mode; an exported snapshot lives until its next command or its end, so leave it alone
// while the snapshot is read.
//
// Waits for every transaction that writes now to end, in whatever database and prepared ones too,
// for as long as it takes, and names them in the log (SlotWaitTeller). Throws Halt errors:
// kServerSetting when all slots are in use or wal_level is not logical, kHaltForeignSlot when the
// slot exists, kMissingRight without the REPLICATION attribute.
CreatedSlot CreateSlot(PgConnection* replication, const CaptureOptions& options,
                       bool export_snapshot, const Stop& stop);

// The same for a slot that PostgreSQL drops with this connection, with a name of its own. Exports
// its snapshot. With a timeout, throws a transient Error when transactions that write take longer
// to end.
CreatedSlot CreateTemporarySlot(PgConnection* replication, const CaptureOptions& options,
                                const Stop& stop, std::optional<Duration> timeout = std::nullopt);

// Drops the slot if it exists; true when it did. Waits up to `active_slot_wait` while another
// process uses it (our own connection that was cut, perhaps), then throws Halt kAnotherRelay.
bool DropSlotIfExists(PgConnection* replication, const std::string& slot, Duration active_slot_wait,
                      const Stop& stop);

// Moves the slot forward without output: PostgreSQL then never sends what committed before `to`.
// Waits for a slot that is active as above. Since PostgreSQL 11.
void AdvanceSlot(PgConnection* connection, const CaptureOptions& options, Lsn to, const Stop& stop);

}  // namespace bw
