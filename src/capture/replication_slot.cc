#include "capture/replication_slot.h"

#include <fmt/format.h>

#include "base/halt.h"
#include "base/log.h"
#include "base/random_id.h"
#include "capture/sql_text.h"
#include "capture/wait_report.h"

namespace bw {
namespace {

constexpr size_t kSlotNameBytesMax = 63;

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

// No other slot has this name: not one of another relay, nor that of a relay that was killed, which
// PostgreSQL keeps until it notices.
std::string TemporarySlotName(const std::string& slot) {
  const std::string suffix = fmt::format("_resnapshot_{:08x}", RandomSeed() & 0xffffffffU);
  return slot.substr(0, kSlotNameBytesMax - suffix.size()) + suffix;
}

}  // namespace

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
                                const Stop& stop, std::optional<Duration> timeout) {
  const std::string slot = TemporarySlotName(options.slot);
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
      throw Halt{ExitCode::kAnotherRelay,
                 "slot-active",
                 fmt::format("Replication slot \"{}\" is active for process {} of PostgreSQL.",
                             slot, found.Int(0, 0)),
                 "Another relay uses it.",
                 {{"stop that one, or give this one its own", "--slot=NAME"}}}
          .ToError();
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
