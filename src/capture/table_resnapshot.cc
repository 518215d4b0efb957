#include "capture/table_resnapshot.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <optional>

#include "base/error.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "capture/publication_members.h"
#include "capture/publication_setup.h"
#include "capture/read_rights.h"
#include "capture/reread_gate.h"
#include "capture/snapshot_reader.h"

namespace bw {
namespace {

// Capture stands still while the slot is created.
constexpr Duration kUnaskedSlotTimeout{10'000};
constexpr size_t kTablesShownMax = 10;

// From the created slot to the rows; the connection that made it must stay as it is meanwhile.
// Nothing on a stop.
std::optional<SnapshotContent> StreamAndRead(const CaptureParts& parts,
                                             const SnapshotSource& source, Spool* spool,
                                             CaptureHooks hooks) {
  const Lsn consistent = source.slot.consistent_point;
  hooks.end_wanted = nullptr;
  if (RunCaptureSession(parts, spool, hooks, consistent) != SessionEnd::kComplete) {
    return std::nullopt;
  }
  if (!spool->log().WaitUntilDurable(*parts.stop)) return std::nullopt;
  BW_CHECK(spool->ledger().captured().position < (Position{Lsn{consistent.value - 2}, 0}));
  BW_CHECK(spool->ledger().captured().end_lsn <= consistent);

  spool->log().DropUncaptured();
  SnapshotContent content = parts.server->ReadSnapshot(source, spool, parts.figures);
  BW_KILL_POINT("resnapshot.after_rows");
  return content;
}

bool EndSnapshot(const SnapshotSource& source, const SnapshotContent& content, Spool* spool,
                 const Stop& stop) {
  const Lsn consistent = source.slot.consistent_point;
  return spool->log().EndSnapshot({Lsn{consistent.value - 1}, consistent}, content.tables, stop);
}

// A server that has room for another slot, and what to read from it.
struct SnapshotServer {
  OpenedServer server;
  SnapshotSource source;
  ServerCatalog* catalog() const { return server.connection->catalog(); }
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

// The noted tables whose changes arrive from now on. Looks after Ledger::BeginReread and before the
// slot is created: what is in the publication by then is in it at the slot's consistent point.
std::set<TableName> ReadableNotedTables(ServerCatalog* catalog, const CaptureOptions& options,
                                        const SnapshotSource& source, const Spool& spool) {
  std::map<TableName, Reread> noted;
  for (const Reread& note : spool.ledger().rereads()) noted.emplace(note.table, note);
  std::set<uint32_t> members;
  const bool is_pair = IsOwnPair(options, source.publications);
  if (is_pair) {
    for (const auto& member : catalog->ReadMembers(source.publications.front())) {
      members.insert(member.table_oid);
    }
  }
  const TableFilter filter(options.tables, options.exclude_tables);
  std::set<TableName> readable;
  for (const CapturedTable& table : catalog->ReadTables()) {
    const auto note = noted.find({table.table.schema, table.table.name});
    if (note != noted.end() && IsWorthRereading(table, note->second, filter) && MayRead(table) &&
        (!is_pair || members.contains(table.oid))) {
      readable.insert(note->first);
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

bool ResnapshotTables(const CaptureParts& parts, const std::vector<std::string>& tables,
                      Spool* spool, const CaptureHooks& hooks) {
  SnapshotServer from = OpenSource(parts, spool);
  SnapshotSource& source = from.source;
  source.only = tables;
  RequireSelected(from.catalog()->ReadTables(),
                  from.catalog()->ReadPublications(source.publications), *parts.options, source);
  source.slot = from.server.connection->CreateTemporarySlot(/*timeout=*/std::nullopt);
  BW_KILL_POINT("resnapshot.after_slot");
  const auto content = StreamAndRead(parts, source, spool, hooks);
  if (!content) return false;
  spool->ledger().NoteRemedy(fmt::format("resnapshot {}", fmt::join(tables, ", ")));
  if (!EndSnapshot(source, *content, spool, *parts.stop)) return false;
  spdlog::info("{} tables taken again, {} rows", content->tables.size(), content->rows);
  return true;
}

RereadResult RereadNotedTables(const CaptureParts& parts, Spool* spool, const CaptureHooks& hooks) {
  if (spool->ledger().rereads().empty()) return RereadResult::kNothing;
  SnapshotServer from;
  SnapshotSource& source = from.source;
  try {
    from = OpenSource(parts, spool);
    source.only_tables = ReadableNotedTables(from.catalog(), *parts.options, source, *spool);
    if (source.only_tables->empty()) return RereadResult::kNothing;
    source.slot = from.server.connection->CreateTemporarySlot(kUnaskedSlotTimeout);
  } catch (const Error& error) {
    if (parts.stop->requested()) return RereadResult::kNotNow;
    spdlog::warn("Tables that are to be read again cannot be read now, which is tried again: {}",
                 error.what());
    return RereadResult::kNotNow;
  }
  BW_KILL_POINT("resnapshot.after_slot");
  spdlog::info("Reading again, since changes of them may be missing: {}",
               ListOf(*source.only_tables));
  const auto content = StreamAndRead(parts, source, spool, hooks);
  if (!content || !EndSnapshot(source, *content, spool, *parts.stop)) return RereadResult::kNotNow;
  spdlog::info("{} tables read again, {} rows", content->tables.size(), content->rows);
  return RereadResult::kDone;
}

}  // namespace bw
