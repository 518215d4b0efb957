#include "capture/stream_check.h"

#include <fmt/format.h>

#include "base/error.h"

namespace bw {
namespace {

void RequireSameDatabase(const ServerIdentity& server, const Source& source) {
  if (server.system_identifier == source.system_identifier && server.database == source.database) {
    return;
  }
  throw HaltError(
      ExitCode::kHaltOtherDatabase,
      fmt::format("another database answers: the spool holds changes of \"{}\" in cluster {}, this "
                  "is \"{}\" in cluster {}",
                  source.database, source.system_identifier, server.database,
                  server.system_identifier));
}

void RequireUsableSlot(const ServerView& view, const SpoolState& spool) {
  const std::string& name = spool.source.slot;
  if (!view.slot) {
    throw HaltError(ExitCode::kHaltSlot,
                    fmt::format("replication slot \"{}\" is gone: PostgreSQL no longer keeps what "
                                "commits after {}",
                                name, spool.captured.end_lsn.ToString()));
  }
  const SlotState& slot = *view.slot;
  if (slot.plugin != "pgoutput" || slot.database != spool.source.database) {
    throw HaltError(ExitCode::kHaltForeignSlot,
                    fmt::format("replication slot \"{}\" is not ours: plugin \"{}\", database "
                                "\"{}\"",
                                name, slot.plugin, slot.database));
  }
  if (slot.lost()) {
    throw HaltError(ExitCode::kHaltSlot,
                    fmt::format("PostgreSQL has invalidated replication slot \"{}\" (wal_status "
                                "\"{}\"{}{}): what it needs is gone",
                                name, slot.wal_status, slot.invalidation_reason.empty() ? "" : ", ",
                                slot.invalidation_reason));
  }
  if (slot.confirmed_flush > spool.captured.end_lsn) {
    throw HaltError(
        ExitCode::kHaltGap,
        fmt::format("slot \"{}\" was confirmed up to {}, the spool ends at {}: the "
                    "changes between are not in the spool and PostgreSQL does not send "
                    "them again",
                    name, slot.confirmed_flush.ToString(), spool.captured.end_lsn.ToString()));
  }
}

void RequireOurHistory(const ServerIdentity& server, const SpoolState& spool) {
  const Lsn captured = spool.captured.end_lsn;
  const std::optional<Lsn> switch_point = server.SwitchPointOf(spool.source.timeline);
  if (switch_point && *switch_point < captured) {
    throw HaltError(
        ExitCode::kHaltDatabaseWentBack,
        fmt::format("the database left timeline {} at {}, but changes up to {} of it "
                    "were captured: it was restored, or failed over to a standby that "
                    "was behind",
                    spool.source.timeline, switch_point->ToString(), captured.ToString()));
  }
  if (server.wal_end < captured) {
    throw HaltError(ExitCode::kHaltDatabaseWentBack,
                    fmt::format("the server's WAL ends at {}, but changes up to {} were captured: "
                                "it was set back to an older state",
                                server.wal_end.ToString(), captured.ToString()));
  }
}

}  // namespace

void RequireStreamable(const ServerView& view, const SpoolState& spool) {
  BW_CHECK(spool.phase == SpoolPhase::kStreaming);
  RequireSameDatabase(view.identity, spool.source);
  RequireUsableSlot(view, spool);
  RequireOurHistory(view.identity, spool);
}

}  // namespace bw
