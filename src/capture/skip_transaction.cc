#include "capture/skip_transaction.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "spool/toast_cache.h"

namespace bw {
namespace {

// PostgreSQL 10 moves a slot only as a stream confirms. It drops what committed before the stream's
// beginning when it decodes it, without calling the output plugin, so it does not fail at that; but
// it may fail at a transaction behind it before it has read the confirmation. Trying again helps.
bool MoveSlotByStream(const CaptureParts& parts, Lsn to, const Spool& spool,
                      OpenedServer server) try {
  const std::unique_ptr<ServerConnection> observer = parts.server->Connect();
  ServerConnection* const stream = server.connection.get();
  const bool expects_pair = spool.ledger().accounted_members().has_value();
  stream->Start({parts.options->slot, stream->catalog()->FindPublications(expects_pair), to});
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
} catch (const Error& error) {
  throw TransientError(fmt::format("cannot move slot \"{}\" to {}: {}", parts.options->slot,
                                   to.ToString(), error.what()));
}

bool MoveSlot(const CaptureParts& parts, Lsn to, const Spool& spool, const CaptureHooks& hooks) {
  OpenedServer server = hooks.open();
  if (server.view.slot->confirmed_flush >= to) return true;
  constexpr int kFirstWithAdvance = 110000;
  if (server.view.identity.version < kFirstWithAdvance) {
    return MoveSlotByStream(parts, to, spool, std::move(server));
  }
  parts.server->AdvanceSlot(to);
  return true;
}

void NoteSkipped(const std::string& lsn, Spool* spool) {
  spool->ledger().NoteRemedy(fmt::format("the transaction with commit LSN {} is skipped", lsn));
  spdlog::warn(
      "An operator has allowed: the transaction with commit LSN {} is skipped, its changes will be "
      "missing in Kafka",
      lsn);
  spool->log().toast().EraseAll();
}

}  // namespace

bool SkipTransaction(const CaptureParts& parts, Lsn commit_lsn, Spool* spool, CaptureHooks hooks) {
  hooks.end_wanted = nullptr;
  const std::string lsn = commit_lsn.ToString();
  const ServerView view = hooks.open().view;
  if (commit_lsn >= view.identity.wal_end) {
    spdlog::warn(
        "--skip-transaction={}: nothing commits there, the server's WAL ends at {}; nothing is "
        "skipped",
        lsn, view.identity.wal_end.ToString());
    return true;
  }
  // Nothing commits between here and the end of the transaction's commit record.
  const Lsn behind{commit_lsn.value + 1};
  if (view.slot->confirmed_flush >= behind) {
    spdlog::info("--skip-transaction={}: the slot is behind it already; nothing is skipped", lsn);
    return true;
  }
  const SpoolState state = spool->ledger().state();
  const Lsn captured = state.captured.end_lsn;
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
    NoteSkipped(lsn, spool);
    spool->log().AdvanceIdle(behind);
    if (!spool->log().WaitUntilDurable(*parts.stop)) return false;
  } else if (commit_lsn >= state.history.changes_end && captured != behind) {
    // WAL that was idle when it was read: the server was set back since, and has written other WAL.
    // (Where `captured` is just behind it, it was skipped before and the slot was not moved.)
    spool->log().DropUncaptured();
    NoteSkipped(lsn, spool);
  }
  // Even if it was captured, or skipped before: it would be sent again, and fail again.
  return MoveSlot(parts, behind, *spool, hooks);
}

}  // namespace bw
