#include "capture/skip_transaction.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "capture/capture.h"
#include "capture/pg_connection.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

bool WaitUntilDurable(Spool* spool, const Stop& stop) {
  while (!stop.requested()) {
    if (spool->WaitUntilDurable(std::chrono::seconds(1), stop)) return true;
  }
  return false;
}

// PostgreSQL decodes up to there without making any output, so it does not fail again.
void AdvanceSlot(const CaptureOptions& options, Lsn to, const Stop& stop) {
  PgConnection connection(options, PgConnection::Mode::kSql, stop);
  PgQueryOptions query;
  query.doing = fmt::format("move slot \"{}\" to {}", options.slot, to.ToString());
  query.timeout = std::chrono::hours(1);  // It reads all WAL from restart_lsn on.
  const std::string sql =
      fmt::format("SELECT pg_replication_slot_advance(slot_name, '{}') FROM pg_replication_slots "
                  "WHERE slot_name = {} AND confirmed_flush_lsn < '{}'",
                  to.ToString(), QuoteLiteral(options.slot), to.ToString());
  const TimePoint give_up = Clock::Real().Now() + options.active_slot_wait;
  while (true) {
    try {
      connection.Query(sql, query);
      return;
    } catch (const Error& error) {
      // The walsender of the connection that was just closed may still have it.
      if (error.exit_code() != ExitCode::kAnotherRelay || Clock::Real().Now() >= give_up) throw;
    }
    if (stop.WaitFor(Duration(100))) throw TransientError("cannot " + query.doing + ": stopping");
  }
}

}  // namespace

bool SkipTransaction(const CaptureOptions& options, Lsn commit_lsn, Spool* spool,
                     CaptureFigures* figures, const Stop& stop,
                     CaptureHooks hooks) {
  hooks.end_wanted = nullptr;
  // Nothing commits between here and the end of the transaction's commit record.
  const Lsn behind{commit_lsn.value + 1};
  const Lsn captured = spool->captured().end_lsn;
  if (captured < behind) {
    if (RunCaptureSession(options, spool, figures, stop, hooks, commit_lsn) !=
        SessionEnd::kComplete) {
      return false;
    }
    if (!WaitUntilDurable(spool, stop)) return false;
    const bool is_next = captured == commit_lsn || Lsn{figures->stopped_at.load()} == commit_lsn;
    if (!is_next) {
      spdlog::warn("--skip-transaction={}: no transaction of captured tables commits there; "
                   "nothing is skipped",
                   commit_lsn.ToString());
      return true;
    }
    spool->DropUncaptured();
    spool->NoteRemedy(
        fmt::format("the transaction with commit LSN {} is skipped", commit_lsn.ToString()));
    spdlog::warn("An operator has allowed: the transaction with commit LSN {} is skipped, its "
                 "changes will be missing in Kafka",
                 commit_lsn.ToString());
    spool->AdvanceIdle(behind);
    if (!WaitUntilDurable(spool, stop)) return false;
  }
  // Also when that was done before: a PostgreSQL that crashed may have forgotten it.
  AdvanceSlot(options, behind, stop);
  return true;
}

}  // namespace bw
