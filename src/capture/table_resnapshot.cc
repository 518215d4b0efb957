#include "capture/table_resnapshot.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "capture/capture.h"
#include "capture/publication_setup.h"
#include "capture/replication_slot.h"
#include "capture/server_inspection.h"
#include "capture/snapshot_reader.h"

namespace bw {
namespace {

// Of the slot that lives as long as the connection.
std::string TemporarySlot(const std::string& slot) {
  constexpr std::string_view kSuffix = "_resnapshot";
  constexpr size_t kSlotBytesMax = 63;
  return slot.substr(0, kSlotBytesMax - kSuffix.size()) + std::string(kSuffix);
}

bool WaitUntilDurable(Spool* spool, const Stop& stop) {
  while (!stop.requested()) {
    if (spool->WaitUntilDurable(std::chrono::seconds(1), stop)) return true;
  }
  return false;
}

}  // namespace

bool ResnapshotTables(const CaptureOptions& options, const std::vector<std::string>& tables,
                      Spool* spool, CaptureFigures* figures, const Stop& stop,
                      const std::function<void()>& made_progress) {
  const ServerView view = InspectServer(options, stop);
  RequireFreeSlot(view);
  spool->BeginReread();
  SnapshotSource source;
  source.only = tables;
  source.validate_utf8 = view.settings.server_encoding == "SQL_ASCII";
  {
    PgConnection connection(options, PgConnection::Mode::kSql, stop);
    source.publications = FindPublications(&connection, options);
    RequireSelected(&connection, options, source);
  }
  // Stays as it is until the snapshot is read.
  PgConnection replication(options, PgConnection::Mode::kReplication, stop);
  source.slot = CreateTemporarySlot(&replication, TemporarySlot(options.slot));
  BW_KILL_POINT("resnapshot.after_slot");
  const Lsn consistent = source.slot.consistent_point;

  if (RunCaptureSession(options, spool, figures, stop, made_progress, consistent) !=
      SessionEnd::kComplete) {
    return false;
  }
  if (!WaitUntilDurable(spool, stop)) return false;
  BW_CHECK(spool->captured().position < (Position{Lsn{consistent.value - 2}, 0}));
  BW_CHECK(spool->captured().end_lsn <= consistent);

  spool->DropUncaptured();
  const SnapshotContent content = ReadSnapshot(options, source, spool, figures, stop);
  BW_KILL_POINT("resnapshot.after_rows");
  spool->NoteRemedy(fmt::format("resnapshot {}", fmt::join(tables, ", ")));
  if (!spool->EndSnapshot({Lsn{consistent.value - 1}, consistent}, content.tables, stop)) {
    return false;
  }
  spdlog::info("{} tables taken again, {} rows", content.tables.size(), content.rows);
  return true;
}

}  // namespace bw
