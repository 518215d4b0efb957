#include "capture/slot_watch.h"

#include <fmt/format.h>

#include "base/byte_size.h"
#include "base/log.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

// A distance that one segment or two explain is not worth a record.
constexpr uint64_t kDistanceMax = 64 * kMiB;
constexpr int kFirstWithSafeSize = 130000;
constexpr int kFirstWithLogSnapshot = 160000;

}  // namespace

void SlotWatch::Look() {
  const bool has_safe_size = connection_->server_version() >= kFirstWithSafeSize;
  const PgResult found = connection_->Query(fmt::format(
      "SELECT restart_lsn, confirmed_flush_lsn, pg_current_wal_lsn(), coalesce({}, -1) "
      "FROM pg_replication_slots WHERE slot_name = {}",
      has_safe_size ? "safe_wal_size" : "NULL::int8", QuoteLiteral(slot_)));
  if (found.rows() == 0 || found.IsNull(0, 0) || found.IsNull(0, 1)) return;
  const Lsn restart = found.LsnAt(0, 0);
  figures_->wal_on_disk.store(WalBytesBetween(restart, found.LsnAt(0, 2)));
  figures_->safe_wal.store(found.Int(0, 3));
  MayLogSnapshot(restart, found.LsnAt(0, 1));
}

void SlotWatch::MayLogSnapshot(Lsn restart, Lsn confirmed) {
  if (WalBytesBetween(restart, confirmed) < kDistanceMax || confirmed <= confirmed_at_log_) return;
  if (connection_->server_version() < kFirstWithLogSnapshot) return;
  // Asked for first: a refused call would be an error in the server's log. A right that is granted
  // meanwhile is noticed with the next look.
  if (!may_log_snapshot_) {
    may_log_snapshot_ =
        connection_
            ->Query("SELECT has_function_privilege('pg_catalog.pg_log_standby_snapshot()', "
                    "'EXECUTE')")
            .Bool(0, 0);
  }
  if (!may_log_snapshot_) return;
  connection_->Query("SELECT pg_log_standby_snapshot()");
  spdlog::debug("asked for a record of the running transactions: {} MiB of WAL before {} are kept",
                WalBytesBetween(restart, confirmed) / kMiB, confirmed.ToString());
  confirmed_at_log_ = confirmed;
}

}  // namespace bw
