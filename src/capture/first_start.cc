#include "capture/first_start.h"

#include "base/error.h"
#include "base/format.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "capture/publication_members.h"
#include "capture/snapshot_tables.h"
#include "capture/table_filter.h"

namespace bw {
namespace {

// What a first start has created so far.
struct Made {
  bool publications = false;
  bool slot = false;
};

// Best effort, for a first start that failed: a slot that nobody reads would retain WAL, and our
// publication is useless without it.
void TakeBack(const CaptureParts& parts, const FirstStartPlan& plan, const Made& made) {
  if (!made.slot && !made.publications) return;
  try {
    parts.server->TakeBack(made.slot, made.publications ? &plan.publications : nullptr);
  } catch (const Error& error) {
    spdlog::warn(
        "The unfinished first start left replication slot \"{}\" or its publication behind ({}). "
        "The slot retains WAL; the next start drops it",
        parts.options->slot, error.what());
  }
}

Source SourceOf(const CaptureOptions& options, const ServerIdentity& identity) {
  return {identity.system_identifier, identity.database, options.slot, identity.timeline};
}

// A row at which PostgreSQL crashes does so in each attempt. Which table's reader notices it first
// is chance, so all count as one place.
SnapshotContent ReadSnapshot(const CaptureParts& parts, const SnapshotSource& source,
                             Spool* spool) {
  try {
    return parts.server->ReadSnapshot(source, /*hold=*/nullptr, spool, parts.figures);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kTransient || error.is_refusal()) throw;
    throw error.At(
        "the snapshot",
        "If its log says that it crashes at a row of a table, mend the row, or leave the "
        "table out with --exclude-tables");
  }
}

std::vector<TableName> ReadRows(const CaptureParts& parts, const FirstStartPlan& plan,
                                const CreatedSlot& slot, Spool* spool) {
  SnapshotSource source;
  source.slot = slot;
  source.publications = plan.publications.names;
  source.encoding = TextEncoding::Of(plan.view.settings.server_encoding);
  SnapshotContent content = ReadSnapshot(parts, source, spool);
  spdlog::debug("{} rows in the snapshot", FormatCount(content.rows));
  BW_KILL_POINT("first_start.after_rows");
  return std::move(content.tables);
}

void MakePublications(const CaptureParts& parts, const FirstStartPlan& plan, Spool* spool) {
  const std::unique_ptr<ServerCatalog> catalog = parts.server->OpenCatalog();
  catalog->CreatePublications(plan.publications);
  if (!IsOwnPair(*parts.options, plan.publications.names)) return;
  // Tables that are in it now are in it at the slot's consistent point.
  std::vector<uint32_t> oids;
  for (const auto& member : catalog->ReadMembers(plan.publications.names.front())) {
    oids.push_back(member.row_oid);
  }
  spool->ledger().SetAccountedMembers(oids);
}

struct MadeAndRead {
  Lsn consistent_point;
  std::vector<TableName> tables;
};

// Creates publications and slot, and reads the snapshot.
MadeAndRead MakeAndRead(const CaptureParts& parts, const FirstStartPlan& plan, bool drop_slot,
                        ServerConnection* connection, Spool* spool, Made* made) {
  const CaptureOptions& options = *parts.options;
  if (drop_slot) connection->DropSlotIfExists();
  MakePublications(parts, plan, spool);
  made->publications = !plan.publications.create_sql.empty();
  BW_KILL_POINT("first_start.after_publication");
  spool->ledger().BeginReread();
  // The slot waits for open transactions, and the rows may take hours: meanwhile somebody may drop
  // a key. Without rows, what the keeper noted would be lost when the spool begins to stream.
  const std::unique_ptr<Watch> keeper =
      options.skip_snapshot ? nullptr : parts.server->keeper().Run(spool);
  // From here on the connection is not used until the snapshot has been read.
  const CreatedSlot slot = connection->CreateSlot(/*export_snapshot=*/!options.skip_snapshot);
  made->slot = true;
  BW_KILL_POINT("first_start.after_slot");
  MadeAndRead result{slot.consistent_point, {}};
  if (!options.skip_snapshot) result.tables = ReadRows(parts, plan, slot, spool);
  return result;
}

// The last step. From here on nothing is undone: a failed write may have become durable, and then
// the slot is needed. Either way, the spool tells the next start what to do.
bool EnterStreaming(const CaptureOptions& options, const FirstStartPlan& plan,
                    const MadeAndRead& made, Spool* spool, const Stop& stop) {
  const Lsn consistent = made.consistent_point;
  const Lsn before{consistent.value - 1};
  if (options.skip_snapshot) {
    spool->BeginStreamingAt(SourceOf(options, plan.view.identity),
                            {Position::EndOf(before), consistent}, /*predecessor=*/"");
  } else if (!spool->log().EndSnapshot({before, consistent}, made.tables, stop)) {
    return false;
  }
  BW_KILL_POINT("first_start.after_streaming");
  spdlog::info("Snapshot {}, streaming changes from {}",
               options.skip_snapshot ? "skipped" : "complete", consistent.ToString());
  return true;
}

}  // namespace

std::vector<SnapshotTable> TablesToRead(const PublicationFacts& facts, const PublicationPlan& plan,
                                        const CaptureOptions& options) {
  std::vector<Publication> publications = facts.existing;
  if (!plan.create_sql.empty()) {
    Publication all;
    all.publishes_insert = true;
    for (const CapturedTable& table : facts.tables) {
      if (!IsUnit(table, JoinsRoots(options, facts.version))) continue;
      all.tables.push_back({table.table.schema, table.table.name, {}, 0});
    }
    publications = {all};
  }
  return ChooseSnapshotTables(facts.tables, publications,
                              TableFilter(options.tables, options.exclude_tables));
}

FirstStartPlan PrepareFirstStart(const CaptureOptions& options, const OpenedServer& server) {
  FirstStartPlan plan;
  plan.view = server.view;
  SayIfUnusual(plan.view.identity);
  // An existing slot of this name is dropped first, which makes room; if it may not be dropped,
  // creating ours fails.
  if (!plan.view.slot) RequireFreeSlot(plan.view);
  ServerCatalog* const catalog = server.connection->catalog();
  PublicationFacts facts;
  facts.role = plan.view.role;
  facts.database = plan.view.identity.database;
  facts.version = plan.view.identity.version;
  facts.tables = catalog->ReadTables();
  facts.existing = catalog->ReadPublications(CandidatePublications(options));
  plan.publications = PlanPublications(facts, options);
  if (!options.skip_snapshot) {
    RequireReadable(TablesToRead(facts, plan.publications, options), plan.view.role.name);
  }
  return plan;
}

bool RunFirstStart(const CaptureParts& parts, const FirstStartPlan& plan,
                   ServerConnection* connection, Spool* spool) {
  for (const std::string& warning : plan.publications.warnings) spdlog::warn("{}", warning);
  const bool drop_slot = plan.drop_slot || spool->ledger().state().phase == SpoolPhase::kFirstStart;
  spool->BeginFirstStart(SourceOf(*parts.options, plan.view.identity), plan.supersedes);
  BW_KILL_POINT("first_start.after_intent");
  Made made;
  MadeAndRead read;
  try {
    read = MakeAndRead(parts, plan, drop_slot, connection, spool, &made);
  } catch (...) {
    TakeBack(parts, plan, made);
    throw;
  }
  return EnterStreaming(*parts.options, plan, read, spool, *parts.stop);
}

}  // namespace bw
