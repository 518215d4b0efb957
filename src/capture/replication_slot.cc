#include "capture/replication_slot.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

// Those whose end the server waits for, as far as we can see them.
void SayWhoIsWaitedFor(PgConnection* connection, const std::string& slot) {
  const PgResult writers = connection->Query(
      "SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::int8 "
      "FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()");
  if (writers.Int(0, 0) == 0) return;
  spdlog::info("Creating slot \"{}\" waits until {} open transactions end; the oldest is {} s old",
               slot, writers.Int(0, 0), writers.Int(0, 1));
}

CreatedSlot Create(PgConnection* replication, const std::string& slot, const char* persistence,
                   bool export_snapshot, std::optional<Duration> timeout = std::nullopt) {
  BW_CHECK(IsValidSlotName(slot));
  SayWhoIsWaitedFor(replication, slot);
  PgQueryOptions options;
  options.doing = fmt::format("create replication slot \"{}\"", slot);
  options.remedy_sql =
      fmt::format("ALTER ROLE {} REPLICATION;", QuoteIdentifier(replication->role()));
  // As long as the longest transaction that is open now.
  options.timeout = timeout.value_or(std::chrono::hours(24 * 365));
  const PgResult created = replication->Query(
      fmt::format("{}{}LOGICAL pgoutput {}", CreateSlotCommand(slot), persistence,
                  export_snapshot ? "EXPORT_SNAPSHOT" : "NOEXPORT_SNAPSHOT"),
      options);
  return {created.LsnAt(0, 1), export_snapshot ? created.String(0, 2) : ""};
}

}  // namespace

bool IsValidSlotName(std::string_view name) {
  constexpr size_t kNameBytesMax = 63;
  return !name.empty() && name.size() <= kNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

std::string CreateSlotCommand(std::string_view slot) {
  return fmt::format("CREATE_REPLICATION_SLOT {} ", QuoteIdentifier(slot));
}

CreatedSlot CreateSlot(PgConnection* replication, const std::string& slot, bool export_snapshot) {
  CreatedSlot result = Create(replication, slot, "", export_snapshot);
  if (export_snapshot) {
    spdlog::info("Created replication slot \"{}\", capturing consistent snapshot {}", slot,
                 result.snapshot_name);
  } else {
    spdlog::info("Created replication slot \"{}\" at {}, without a snapshot", slot,
                 result.consistent_point.ToString());
  }
  return result;
}

CreatedSlot CreateTemporarySlot(PgConnection* replication, const std::string& slot,
                                std::optional<Duration> timeout) {
  CreatedSlot result = Create(replication, slot, "TEMPORARY ", /*export_snapshot=*/true, timeout);
  spdlog::info("Capturing consistent snapshot {} with temporary slot \"{}\" at {}",
               result.snapshot_name, slot, result.consistent_point.ToString());
  return result;
}

bool DropSlotIfExists(PgConnection* replication, const std::string& slot, Duration active_slot_wait,
                      const Stop& stop) {
  BW_CHECK(IsValidSlotName(slot));
  const TimePoint give_up = std::chrono::steady_clock::now() + active_slot_wait;
  const std::string row =
      "SELECT active_pid FROM pg_replication_slots WHERE slot_name = " + QuoteLiteral(slot);
  while (true) {
    const PgResult found = replication->Query(row);
    if (found.rows() == 0) return false;
    if (found.IsNull(0, 0)) break;
    if (std::chrono::steady_clock::now() >= give_up) {
      throw HaltError(ExitCode::kAnotherRelay,
                      fmt::format("replication slot \"{}\" is active for process {} of PostgreSQL: "
                                  "another relay uses it. Stop that one, or choose another --slot",
                                  slot, found.Int(0, 0)));
    }
    constexpr Duration kPause{100};
    if (stop.WaitFor(kPause)) throw TransientError("cannot drop the slot: stopping");
  }
  PgQueryOptions options;
  options.doing = fmt::format("drop replication slot \"{}\"", slot);
  replication->Query("DROP_REPLICATION_SLOT " + QuoteIdentifier(slot), options);
  spdlog::info("Dropped replication slot \"{}\"", slot);
  return true;
}

}  // namespace bw
