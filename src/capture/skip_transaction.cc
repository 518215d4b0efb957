#include "capture/skip_transaction.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "base/log.h"
#include "spool/toast_cache.h"

namespace bw {
namespace {

// Moves the slot as any confirmation does. PostgreSQL drops what committed before a stream's
// beginning when it decodes it, without calling the output plugin, so it does not fail at it.
bool MoveSlot(const CaptureParts& parts, Lsn to, const Spool& spool, const CaptureHooks& hooks) {
  const OpenedServer server = hooks.open();
  if (server.view.slot->confirmed_flush >= to) return true;
  ServerConnection* const stream = server.connection.get();
  const bool expects_pair = spool.ledger().accounted_members().has_value();
  stream->Start({parts.options->slot, stream->catalog()->FindPublications(expects_pair), to});
  const std::unique_ptr<ServerConnection> observer = parts.server->Connect();
  constexpr Duration kLookInterval{50};
  while (!parts.stop->requested()) {
    stream->SendStatus({.write = to, .flush = to});
    const std::optional<SlotState> slot = observer->Look().slot;
    if (!slot || slot->confirmed_flush >= to) {
      stream->Finish();
      return true;
    }
    stream->Receive(parts.clock->Now() + kLookInterval);  // It will be sent again.
  }
  return false;
}

}  // namespace

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
  return MoveSlot(parts, behind, *spool, hooks);
}

}  // namespace bw
