#include "capture/table_resnapshot.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "capture/publication_members.h"
#include "capture/publication_setup.h"
#include "capture/reread_gate.h"
#include "capture/snapshot_reader.h"
#include "capture/snapshot_tables.h"

namespace bw {
namespace {

// Capture stands still while the slot is created.
constexpr Duration kUnaskedSlotTimeout{2'000};

bool EndSnapshot(const SnapshotSource& source, const SnapshotContent& content, Spool* spool,
                 const Stop& stop) {
  const Lsn consistent = source.slot.consistent_point;
  return spool->log().EndSnapshot({Lsn{consistent.value - 1}, consistent}, content.tables, stop);
}

// A server that has room for another slot, and what to read from it. With manners, `hold` has the
// connection from the slot's creation on.
struct SnapshotServer {
  OpenedServer server;
  std::unique_ptr<SnapshotHold> hold;
  SnapshotSource source;

  ServerCatalog* catalog() const { return server.connection->catalog(); }
  bool gave_way() const { return hold != nullptr && hold->given_up(); }
  // Nobody waits for us any more.
  void LetGo() {
    hold.reset();
    server.connection.reset();
  }
};

SnapshotServer OpenSource(const CaptureParts& parts, Spool* spool) {
  SnapshotServer result;
  result.server.connection = parts.server->Connect();
  result.server.view = result.server.connection->Look();
  RequireFreeSlot(result.server.view);
  spool->ledger().BeginReread();
  result.source.encoding = TextEncoding::Of(result.server.view.settings.server_encoding);
  result.source.publications =
      result.catalog()->FindPublications(spool->ledger().accounted_members().has_value());
  return result;
}

void CreateSlot(const CaptureParts& parts, SnapshotManners manners, std::optional<Duration> timeout,
                SnapshotServer* from) {
  if (manners == SnapshotManners::kGivesWay) {
    from->hold = parts.server->HoldSnapshot(std::move(from->server.connection));
    from->source.slot = from->hold->CreateSlot(timeout);
  } else {
    from->source.slot = from->server.connection->CreateTemporarySlot(timeout);
  }
  BW_KILL_POINT("resnapshot.after_slot");
}

// From the created slot to the rows. Nothing on a stop, of the process or of the hold.
std::optional<SnapshotContent> StreamAndRead(const CaptureParts& parts, const SnapshotServer& from,
                                             Spool* spool, CaptureHooks hooks) {
  const Lsn consistent = from.source.slot.consistent_point;
  hooks.end_wanted = nullptr;
  CaptureParts while_held = parts;
  if (from.hold) while_held.stop = &from.hold->stop();
  if (RunCaptureSession(while_held, spool, hooks, consistent) != SessionEnd::kComplete) {
    return std::nullopt;
  }
  if (!spool->log().WaitUntilDurable(*while_held.stop)) return std::nullopt;
  BW_CHECK(spool->ledger().captured().position < (Position{Lsn{consistent.value - 2}, 0}));
  BW_CHECK(spool->ledger().captured().end_lsn <= consistent);

  spool->log().DropUncaptured();
  SnapshotContent content =
      parts.server->ReadSnapshot(from.source, from.hold.get(), spool, parts.figures);
  BW_KILL_POINT("resnapshot.after_rows");
  return content;
}

// The same, but nothing also when what failed did so because the hold was given up.
std::optional<SnapshotContent> TryToRead(const CaptureParts& parts, SnapshotServer* from,
                                         Spool* spool, const CaptureHooks& hooks) {
  std::optional<SnapshotContent> content;
  try {
    content = StreamAndRead(parts, *from, spool, hooks);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kTransient || !from->gave_way()) throw;
    spdlog::debug("read no further: {}", error.what());
  }
  if (content) from->LetGo();
  return content;
}

// The noted tables whose changes arrive from now on. Looks after Ledger::BeginReread and before the
// slot is created: what is in the publication by then is in it at the slot's consistent point.
std::set<TableName> ReadableNotedTables(const CaptureParts& parts, const SnapshotServer& from,
                                        const HeldBackTables& held_back, const Spool& spool) {
  std::map<TableName, Reread> noted;
  for (const Reread& note : spool.ledger().rereads()) {
    if (!held_back.Holds(note.table, parts.clock->Now())) noted.emplace(note.table, note);
  }
  if (noted.empty()) return {};
  // Of the pair, the second has the inserts of all tables.
  std::vector<std::string> names = from.source.publications;
  if (IsOwnPair(*parts.options, names)) names.resize(1);
  const std::vector<Publication> publications = from.catalog()->ReadPublications(names);
  const TableFilter filter(parts.options->tables, parts.options->exclude_tables);
  std::set<TableName> readable;
  for (const CapturedTable& table : from.catalog()->ReadTables()) {
    const auto note = noted.find(table.name());
    if (note != noted.end() && IsWorthRereading(table, note->second, filter) && MayRead(table) &&
        IsPublished(publications, table.table)) {
      readable.insert(note->first);
    }
  }
  return readable;
}

}  // namespace

RereadResult ResnapshotTables(const CaptureParts& parts, const std::vector<std::string>& tables,
                              Spool* spool, const CaptureHooks& hooks, SnapshotManners manners) {
  SnapshotServer from = OpenSource(parts, spool);
  SnapshotSource& source = from.source;
  source.only = tables;
  RequireReadableSelection(from.catalog()->ReadTables(),
                           from.catalog()->ReadPublications(source.publications), *parts.options,
                           source, from.server.view.role.name);
  if (manners == SnapshotManners::kGivesWay && from.catalog()->IndexIsBuiltConcurrently()) {
    spdlog::info(
        "resnapshot: an index is built concurrently, and would wait for the snapshot; "
        "the tables are read after that");
    return RereadResult::kNotNow;
  }
  CreateSlot(parts, manners, /*timeout=*/std::nullopt, &from);
  const auto content = TryToRead(parts, &from, spool, hooks);
  if (!content) return from.gave_way() ? RereadResult::kGaveWay : RereadResult::kNotNow;
  spool->ledger().NoteRemedy(fmt::format("resnapshot {}", fmt::join(tables, ", ")));
  if (!EndSnapshot(source, *content, spool, *parts.stop)) return RereadResult::kNotNow;
  spdlog::info("{} tables taken again, {} rows", content->tables.size(), content->rows);
  return RereadResult::kDone;
}

RereadResult RereadNotedTables(const CaptureParts& parts, HeldBackTables* held_back, Spool* spool,
                               const CaptureHooks& hooks, SnapshotManners manners) {
  const std::vector<Reread> notes = spool->ledger().rereads();
  held_back->KeepOnly(notes);
  if (notes.empty()) return RereadResult::kNothing;
  SnapshotServer from;
  SnapshotSource& source = from.source;
  try {
    from = OpenSource(parts, spool);
    source.ends_at_obstacles = true;
    source.only_tables = ReadableNotedTables(parts, from, *held_back, *spool);
    if (source.only_tables->empty()) return RereadResult::kNothing;
    CreateSlot(parts, manners, kUnaskedSlotTimeout, &from);
  } catch (const Error& error) {
    if (parts.stop->requested()) return RereadResult::kNotNow;
    spdlog::warn("Tables that are to be read again cannot be read now, which is tried again: {}",
                 error.what());
    return RereadResult::kNotNow;
  }
  spdlog::info("Reading again, since changes may be missing or an operator wants it: {}",
               FormatTables(*source.only_tables));
  std::optional<SnapshotContent> content;
  try {
    content = TryToRead(parts, &from, spool, hooks);
  } catch (const TableObstacle& obstacle) {
    const Duration wait = held_back->Hold(obstacle.table(), parts.clock->Now());
    spdlog::warn("Table {} cannot be read again now, which is tried again in {}: {}",
                 obstacle.table().qualified(), FormatDuration(wait), obstacle.what());
    return RereadResult::kObstacle;
  }
  if (!content) return from.gave_way() ? RereadResult::kGaveWay : RereadResult::kNotNow;
  if (content->tables.empty()) return RereadResult::kNothing;
  if (!EndSnapshot(source, *content, spool, *parts.stop)) return RereadResult::kNotNow;
  held_back->Release(content->tables);
  spdlog::info("{} tables read again, {} rows", content->tables.size(), content->rows);
  return RereadResult::kDone;
}

}  // namespace bw
