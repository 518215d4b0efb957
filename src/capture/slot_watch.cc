#include "capture/slot_watch.h"

#include <fmt/format.h>

#include <utility>

#include "base/byte_size.h"
#include "base/format.h"
#include "base/log.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

// A distance that one segment or two explain is not worth a record.
constexpr uint64_t kDistanceMax = 64 * kMiB;
constexpr int kFirstWithSafeSize = 130000;
constexpr int kFirstWithLogSnapshot = 160000;

}  // namespace

std::string WalLimitText(std::string_view wal_status, std::optional<bool> has_limit,
                         std::optional<int64_t> safe_bytes) {
  if (wal_status == "lost") return "the slot is lost";
  if (safe_bytes && *safe_bytes < 0) {
    return fmt::format(
        "beyond the limit by {}: PostgreSQL may give the slot up at its next checkpoint",
        FormatSize(static_cast<uint64_t>(-*safe_bytes)));
  }
  if (safe_bytes) {
    return FormatSize(static_cast<uint64_t>(*safe_bytes)) + " more until the slot is lost";
  }
  return has_limit == false ? "no limit is set (max_slot_wal_keep_size)" : "";
}

std::optional<SlotFacts> ReadSlotFacts(PgConnection* connection, const std::string& slot) {
  const bool has_safe_size = connection->server_version() >= kFirstWithSafeSize;
  const PgResult found = connection->Query(fmt::format(
      "SELECT pg_current_wal_lsn(), restart_lsn, confirmed_flush_lsn, {}, "
      "coalesce(current_setting('max_slot_wal_keep_size', true), '-1') <> '-1' "
      "FROM pg_replication_slots WHERE slot_name = {}",
      has_safe_size ? "safe_wal_size, wal_status" : "NULL::int8, NULL::text", QuoteLiteral(slot)));
  if (found.rows() == 0) return std::nullopt;
  SlotFacts facts;
  facts.seen_at = Now();
  facts.current_wal = found.LsnAt(0, 0);
  if (!found.IsNull(0, 1)) facts.restart = found.LsnAt(0, 1);
  if (!found.IsNull(0, 2)) facts.confirmed = found.LsnAt(0, 2);
  if (!found.IsNull(0, 3)) facts.safe_bytes = found.Int(0, 3);
  if (!found.IsNull(0, 4)) facts.wal_status = found.Text(0, 4);
  facts.has_limit = found.Bool(0, 5);
  return facts;
}

void SlotWatch::Look() {
  auto facts = ReadSlotFacts(connection_, slot_);
  if (!facts) return figures_->slot.Forget();
  const Lsn restart = facts->restart;
  const Lsn confirmed = facts->confirmed;
  figures_->slot.Set(*std::move(facts));
  if (restart.valid() && confirmed.valid()) MayLogSnapshot(restart, confirmed);
}

void SlotWatch::MayLogSnapshot(Lsn restart, Lsn confirmed) {
  if (WalBytesBetween(restart, confirmed) < kDistanceMax || confirmed <= confirmed_at_log_) return;
  if (connection_->server_version() < kFirstWithLogSnapshot) return;
  // Asked for first: a refused call would be an error in the server's log. A right that is granted
  // meanwhile is noticed with the next look.
  if (!may_log_snapshot_) {
    may_log_snapshot_ =
        connection_
            ->Query(
                "SELECT has_function_privilege('pg_catalog.pg_log_standby_snapshot()', "
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
