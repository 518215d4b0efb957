#include "capture/skip_transaction.h"

#include <fmt/format.h>

#include "base/log.h"
#include "capture/capture.h"
#include "spool/toast_cache.h"

namespace bw {
bool SkipTransaction(const CaptureParts& parts, Lsn commit_lsn, Spool* spool, CaptureHooks hooks) {
  hooks.end_wanted = nullptr;
  // Nothing commits between here and the end of the transaction's commit record.
  const Lsn behind{commit_lsn.value + 1};
  const Lsn captured = spool->ledger().captured().end_lsn;
  if (captured < behind) {
    if (RunCaptureSession(parts, spool, hooks, commit_lsn) != SessionEnd::kComplete) return false;
    if (!spool->log().WaitUntilDurable(*parts.stop)) return false;
    const bool is_next =
        captured == commit_lsn || Lsn{parts.figures->stopped_at.load()} == commit_lsn;
    if (!is_next) {
      spdlog::warn(
          "--skip-transaction={}: no transaction of captured tables commits there; "
          "nothing is skipped",
          commit_lsn.ToString());
      return true;
    }
    spool->log().DropUncaptured();
    spool->ledger().NoteRemedy(
        fmt::format("the transaction with commit LSN {} is skipped", commit_lsn.ToString()));
    spdlog::warn(
        "An operator has allowed: the transaction with commit LSN {} is skipped, its "
        "changes will be missing in Kafka",
        commit_lsn.ToString());
    spool->log().toast().EraseAll();
    spool->log().AdvanceIdle(behind);
    if (!spool->log().WaitUntilDurable(*parts.stop)) return false;
  }
  // Even if it was done before: PostgreSQL may have lost that in a crash.
  parts.server->AdvanceSlot(behind);
  return true;
}

}  // namespace bw
