#include "capture/replication_slot.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "capture/sql_text.h"
#include "capture/wait_report.h"

namespace bw {
namespace {

CreatedSlot Create(PgConnection* replication, const CaptureOptions& capture_options,
                   const std::string& slot, const char* persistence, bool export_snapshot,
                   const Stop& stop, std::optional<Duration> timeout = std::nullopt) {
  BW_CHECK(IsValidSlotName(slot));
  SlotWaitTeller teller(capture_options, slot, stop, replication->backend_pid());
  PgQueryOptions options;
  options.meanwhile = [&teller] { teller.Look(); };
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

// A relay that was killed leaves its temporary slot until PostgreSQL notices, which waits for the
// same transactions as a new slot does. A slot that is not temporary is not ours: creating says so.
void WaitForPredecessor(PgConnection* replication, const std::string& slot, const Stop& stop) {
  const std::string row =
      "SELECT temporary FROM pg_replication_slots WHERE slot_name = " + QuoteLiteral(slot);
  for (bool is_said = false;; is_said = true) {
    const PgResult found = replication->Query(row);
    if (found.rows() == 0 || !found.Bool(0, 0)) return;
    if (!is_said) {
      spdlog::info(
          "Waiting until PostgreSQL has given up temporary slot \"{}\" of an earlier start", slot);
    }
    constexpr Duration kPause{100};
    if (stop.WaitFor(kPause)) throw TransientError("cannot create a temporary slot: stopping");
  }
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

CreatedSlot CreateSlot(PgConnection* replication, const CaptureOptions& options,
                       bool export_snapshot, const Stop& stop) {
  const std::string& slot = options.slot;
  CreatedSlot result = Create(replication, options, slot, "", export_snapshot, stop);
  if (export_snapshot) {
    spdlog::info("Created replication slot \"{}\", capturing consistent snapshot {}", slot,
                 result.snapshot_name);
  } else {
    spdlog::info("Created replication slot \"{}\" at {}, without a snapshot", slot,
                 result.consistent_point.ToString());
  }
  return result;
}

CreatedSlot CreateTemporarySlot(PgConnection* replication, const CaptureOptions& options,
                                const std::string& slot, const Stop& stop,
                                std::optional<Duration> timeout) {
  // With a timeout somebody tries again.
  if (!timeout) WaitForPredecessor(replication, slot, stop);
  CreatedSlot result =
      Create(replication, options, slot, "TEMPORARY ", /*export_snapshot=*/true, stop, timeout);
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

// PostgreSQL decodes up to there without making any output, so it does not fail again.
void AdvanceSlot(PgConnection* connection, const CaptureOptions& options, Lsn to,
                 const Stop& stop) {
  PgQueryOptions query;
  query.doing = fmt::format("move slot \"{}\" to {}", options.slot, to.ToString());
  query.timeout = std::chrono::hours(1);  // It reads all WAL from restart_lsn on.
  const std::string sql = fmt::format(
      "SELECT pg_replication_slot_advance(slot_name, '{}') FROM pg_replication_slots "
      "WHERE slot_name = {} AND confirmed_flush_lsn < '{}'",
      to.ToString(), QuoteLiteral(options.slot), to.ToString());
  const TimePoint give_up = Clock::Real().Now() + options.active_slot_wait;
  while (true) {
    try {
      connection->Query(sql, query);
      return;
    } catch (const Error& error) {
      // The walsender of the connection that was just closed may still have it.
      if (error.exit_code() != ExitCode::kAnotherRelay || Clock::Real().Now() >= give_up) throw;
    }
    if (stop.WaitFor(Duration(100))) throw TransientError("cannot " + query.doing + ": stopping");
  }
}

}  // namespace bw
