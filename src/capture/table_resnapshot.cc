#include "capture/table_resnapshot.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>

#include "base/error.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "capture/capture.h"
#include "capture/publication_members.h"
#include "capture/publication_setup.h"
#include "capture/replication_slot.h"
#include "capture/server_inspection.h"
#include "capture/snapshot_reader.h"
#include "capture/table_catalog.h"

namespace bw {
namespace {

// Capture stands still while the slot is created.
constexpr Duration kUnaskedSlotTimeout{10'000};
constexpr size_t kTablesShownMax = 10;

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

// From the created slot to the rows; `replication` must stay as it is meanwhile. Nothing on a stop.
std::optional<SnapshotContent> StreamAndRead(const CaptureOptions& options,
                                             const SnapshotSource& source, Spool* spool,
                                             CaptureFigures* figures, const Stop& stop,
                                             CaptureHooks hooks) {
  const Lsn consistent = source.slot.consistent_point;
  hooks.end_wanted = nullptr;
  if (RunCaptureSession(options, spool, figures, stop, hooks, consistent) !=
      SessionEnd::kComplete) {
    return std::nullopt;
  }
  if (!WaitUntilDurable(spool, stop)) return std::nullopt;
  BW_CHECK(spool->captured().position < (Position{Lsn{consistent.value - 2}, 0}));
  BW_CHECK(spool->captured().end_lsn <= consistent);

  spool->DropUncaptured();
  SnapshotContent content = ReadSnapshot(options, source, spool, figures, stop);
  BW_KILL_POINT("resnapshot.after_rows");
  return content;
}

bool EndSnapshot(const SnapshotSource& source, const SnapshotContent& content, Spool* spool,
                 const Stop& stop) {
  const Lsn consistent = source.slot.consistent_point;
  return spool->EndSnapshot({Lsn{consistent.value - 1}, consistent}, content.tables, stop);
}

SnapshotSource MakeSource(PgConnection* connection, const CaptureOptions& options,
                          const ServerView& view, const Spool& spool) {
  SnapshotSource source;
  source.encoding = TextEncoding::Of(view.settings.server_encoding);
  source.publications =
      FindPublications(connection, options, spool.accounted_members().has_value());
  return source;
}

// The noted tables whose changes arrive from now on. Looks after Spool::BeginReread and before the
// slot is created: what is in the publication by then is in it at the slot's consistent point.
std::set<TableName> ReadableNotedTables(PgConnection* connection, const CaptureOptions& options,
                                        const SnapshotSource& source, const Spool& spool) {
  std::set<TableName> noted;
  for (const Reread& note : spool.rereads()) noted.insert(note.table);
  std::set<uint32_t> members;
  const bool is_pair = IsOwnPair(options, source.publications);
  if (is_pair) {
    for (const auto& member : ReadMembers(connection, source.publications.front())) {
      members.insert(member.table_oid);
    }
  }
  std::set<TableName> readable;
  for (const CapturedTable& table : ReadTables(connection)) {
    const TableName name{table.table.schema, table.table.name};
    if (noted.contains(name) && table.has_identity && table.may_select && !table.row_security &&
        (!is_pair || members.contains(table.oid))) {
      readable.insert(name);
    }
  }
  return readable;
}

std::string ListOf(const std::set<TableName>& tables) {
  std::string list;
  size_t shown = 0;
  for (const TableName& table : tables) {
    if (shown == kTablesShownMax) break;
    list += (shown++ == 0 ? "" : ", ") + table.schema + "." + table.table;
  }
  if (tables.size() > shown) list += fmt::format(" and {} more", tables.size() - shown);
  return list;
}

}  // namespace

bool ResnapshotTables(const CaptureOptions& options, const std::vector<std::string>& tables,
                      Spool* spool, CaptureFigures* figures, const Stop& stop,
                      const CaptureHooks& hooks) {
  const ServerView view = InspectServer(options, stop);
  RequireFreeSlot(view);
  spool->BeginReread();
  SnapshotSource source;
  {
    PgConnection connection(options, PgConnection::Mode::kSql, stop);
    source = MakeSource(&connection, options, view, *spool);
    source.only = tables;
    RequireSelected(&connection, options, source);
  }
  PgConnection replication(options, PgConnection::Mode::kReplication, stop);
  source.slot = CreateTemporarySlot(&replication, options, TemporarySlot(options.slot), stop);
  BW_KILL_POINT("resnapshot.after_slot");
  const auto content = StreamAndRead(options, source, spool, figures, stop, hooks);
  if (!content) return false;
  spool->NoteRemedy(fmt::format("resnapshot {}", fmt::join(tables, ", ")));
  if (!EndSnapshot(source, *content, spool, stop)) return false;
  spdlog::info("{} tables taken again, {} rows", content->tables.size(), content->rows);
  return true;
}

RereadResult RereadNotedTables(const CaptureOptions& options, Spool* spool, CaptureFigures* figures,
                               const Stop& stop, const CaptureHooks& hooks) {
  if (spool->rereads().empty()) return RereadResult::kNothing;
  SnapshotSource source;
  std::optional<PgConnection> replication;
  try {
    const ServerView view = InspectServer(options, stop);
    RequireFreeSlot(view);
    spool->BeginReread();
    PgConnection connection(options, PgConnection::Mode::kSql, stop);
    source = MakeSource(&connection, options, view, *spool);
    source.only_tables = ReadableNotedTables(&connection, options, source, *spool);
    if (source.only_tables->empty()) return RereadResult::kNothing;
    replication.emplace(options, PgConnection::Mode::kReplication, stop);
    source.slot = CreateTemporarySlot(&*replication, options, TemporarySlot(options.slot), stop,
                                      kUnaskedSlotTimeout);
  } catch (const Error& error) {
    if (stop.requested()) return RereadResult::kNotNow;
    spdlog::warn("Tables that are to be read again cannot be read now, which is tried again: {}",
                 error.what());
    return RereadResult::kNotNow;
  }
  BW_KILL_POINT("resnapshot.after_slot");
  spdlog::info("Reading again, since changes of them may be missing: {}",
               ListOf(*source.only_tables));
  const auto content = StreamAndRead(options, source, spool, figures, stop, hooks);
  if (!content || !EndSnapshot(source, *content, spool, stop)) return RereadResult::kNotNow;
  spdlog::info("{} tables read again, {} rows", content->tables.size(), content->rows);
  return RereadResult::kDone;
}

}  // namespace bw
