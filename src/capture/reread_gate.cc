#include "capture/reread_gate.h"

#include <algorithm>

#include "base/log.h"
#include "capture/snapshot_hold.h"

namespace bw {

bool IsWorthRereading(const CapturedTable& table, const Reread& note, const TableFilter& filter) {
  if (!table.has_identity || !filter.Selects(table.table.schema, table.table.name)) return false;
  return note.reason == kJoinedLate || std::ranges::any_of(table.table.columns, &Column::key);
}

void RereadGate::Close() {
  xid_.reset();
  is_open_ = false;
}

void RereadGate::TryToOpen(PgConnection* connection) {
  const PgResult found = connection->Query(
      "SELECT txid_snapshot_xmin(txid_current_snapshot()), "
      "txid_snapshot_xmax(txid_current_snapshot())");
  const TimePoint now = std::chrono::steady_clock::now();
  if (was_shut_.exchange(false)) xid_.reset();
  if (!xid_) {
    xid_ = found.Int(0, 1);
    since_ = now;
    is_said_ = false;
    return;
  }
  // Tables come in groups, and one re-read does for all of them.
  constexpr Duration kGatherTime{1'000};
  constexpr Duration kSayWaitingAfter{60'000};
  const bool have_ended = found.Int(0, 0) >= *xid_;
  if (have_ended && now - since_ >= kGatherTime && !IndexIsBuiltConcurrently(connection)) {
    is_open_ = true;
  } else if (!is_said_ && now - since_ >= kSayWaitingAfter) {
    is_said_ = true;
    spdlog::warn("Tables that are to be read again wait for {}",
                 have_ended ? "CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY to end: see "
                              "pg_stat_progress_create_index"
                            : "a transaction that has been open for a minute: see xact_start in "
                              "pg_stat_activity, and pg_prepared_xacts");
  }
}

}  // namespace bw
