#include "capture/skip_transaction.h"

#include <fmt/format.h>

#include <string>

#include "base/log.h"
#include "spool/toast_cache.h"

namespace bw {

bool SkipTransaction(const CaptureParts& parts, Lsn commit_lsn, Spool* spool, CaptureHooks hooks) {
  hooks.end_wanted = nullptr;
  const std::string lsn = commit_lsn.ToString();
  const Lsn wal_end = hooks.open().view.identity.wal_end;
  if (commit_lsn >= wal_end) {
    spdlog::warn(
        "--skip-transaction={}: nothing commits there, the server's WAL ends at {}; nothing is "
        "skipped",
        lsn, wal_end.ToString());
    return true;
  }
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
          lsn);
      return true;
    }
    spool->log().DropUncaptured();
    spool->ledger().NoteRemedy(fmt::format("the transaction with commit LSN {} is skipped", lsn));
    spdlog::warn(
        "An operator has allowed: the transaction with commit LSN {} is skipped, its "
        "changes will be missing in Kafka",
        lsn);
    spool->log().toast().EraseAll();
  } else {
    spdlog::info("--skip-transaction={}: what commits there is captured or skipped already", lsn);
    spool->log().DropUncaptured();
  }
  // PostgreSQL drops what committed before a stream's beginning when it decodes it, without calling
  // the output plugin (SnapBuildXactNeedsSkip() in snapbuild.c), so it does not fail at it. The
  // slot need not be there.
  spool->log().SkipTo(behind);
  return spool->log().WaitUntilDurable(*parts.stop);
}

}  // namespace bw
