#include "capture/first_start.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "capture/publication_keeper.h"
#include "capture/publication_members.h"
#include "capture/replication_slot.h"
#include "capture/snapshot_progress.h"
#include "capture/snapshot_reader.h"
#include "capture/snapshot_tables.h"
#include "capture/table_filter.h"

namespace bw {
namespace {

// As the publications will be once they are made.
std::vector<SnapshotTable> TablesToRead(const PublicationFacts& facts, const PublicationPlan& plan,
                                        const CaptureOptions& options) {
  std::vector<Publication> publications = facts.existing;
  if (!plan.create_sql.empty()) {
    Publication all;
    all.publishes_insert = true;
    constexpr int kFirstWithViaRoot = 130000;
    for (const CapturedTable& table : facts.tables) {
      const bool published =
          facts.version >= kFirstWithViaRoot ? !table.is_partition() : !table.partitioned;
      if (published) all.tables.push_back({table.table.schema, table.table.name, {}, 0});
    }
    publications = {all};
  }
  return ChooseSnapshotTables(facts.tables, publications,
                              TableFilter(options.tables, options.exclude_tables));
}

// What a first start has made so far and would leave behind.
struct Made {
  bool publications = false;
  bool slot = false;
};

// Best effort, for a first start that failed: a slot that nobody reads would hold back WAL, and a
// publication of ours means nothing without it.
void TakeBack(const CaptureOptions& options, const FirstStartPlan& plan, const Made& made) {
  if (!made.slot && !made.publications) return;
  try {
    const Stop never;  // The process may be stopping, and this is part of stopping.
    constexpr Duration kHurry{2'000};
    CaptureOptions hurried = options;
    hurried.connect_timeout = kHurry;
    PgConnection connection(hurried, PgConnection::Mode::kReplication, never);
    connection.Query(fmt::format("SET lock_timeout = {}", kHurry.count()));
    if (made.slot) DropSlotIfExists(&connection, options.slot, kHurry, never);
    if (made.publications) DropPublications(&connection, plan.publications);
  } catch (const Error& error) {
    spdlog::warn(
        "The unfinished first start left replication slot \"{}\" or its publication behind ({}). A "
        "slot holds back WAL; the next start drops it",
        options.slot, error.what());
  }
}

Source SourceOf(const CaptureOptions& options, const ServerIdentity& identity) {
  Source source;
  source.system_identifier = identity.system_identifier;
  source.database = identity.database;
  source.slot = options.slot;
  source.timeline = identity.timeline;
  return source;
}

std::vector<TableName> ReadRows(const CaptureOptions& options, const FirstStartPlan& plan,
                                const CreatedSlot& slot, Spool* spool, CaptureFigures* figures,
                                const Stop& stop) {
  SnapshotSource source;
  source.slot = slot;
  source.publications = plan.publications.names;
  source.encoding = TextEncoding::Of(plan.view.settings.server_encoding);
  SnapshotContent content = ReadSnapshot(options, source, spool, figures, stop);
  spdlog::debug("{} rows in the snapshot", FormatCount(content.rows));
  BW_KILL_POINT("first_start.after_rows");
  return std::move(content.tables);
}

std::vector<uint32_t> MemberOids(PgConnection* connection, const std::string& publication) {
  std::vector<uint32_t> oids;
  for (const auto& member : ReadMembers(connection, publication)) oids.push_back(member.row_oid);
  return oids;
}

struct MadeAndRead {
  Lsn consistent_point;
  std::vector<TableName> tables;
};

// Makes what PostgreSQL keeps for us, and reads the snapshot. `replication` must stay as it is
// until the snapshot is read.
MadeAndRead MakeAndRead(const CaptureOptions& options, const FirstStartPlan& plan, bool drop_slot,
                        PgConnection* replication, Spool* spool, CaptureFigures* figures,
                        const Stop& stop, Made* made) {
  if (drop_slot) DropSlotIfExists(replication, options.slot, options.active_slot_wait, stop);
  {
    PgConnection connection(options, PgConnection::Mode::kSql, stop);
    CreatePublications(&connection, plan.publications);
    // Those that are in it by now are in it at the slot's consistent point.
    if (IsOwnPair(options, plan.publications.names)) {
      spool->SetAccountedMembers(MemberOids(&connection, plan.publications.names.front()));
    }
  }
  made->publications = !plan.publications.create_sql.empty();
  BW_KILL_POINT("first_start.after_publication");
  spool->BeginReread();
  const CreatedSlot slot =
      CreateSlot(replication, options, /*export_snapshot=*/!options.skip_snapshot, stop);
  made->slot = true;
  BW_KILL_POINT("first_start.after_slot");
  MadeAndRead result{slot.consistent_point, {}};
  if (!options.skip_snapshot) {
    // It may take hours, in which somebody drops a key.
    PublicationKeeper keeper(options, figures);
    const PublicationKeeper::Running running(&keeper, spool);
    result.tables = ReadRows(options, plan, slot, spool, figures, stop);
  }
  return result;
}

// The last step. From here on nothing is taken back: what fails may have become durable, and then
// the slot is needed. Either way the next start knows from the spool what to do.
bool EnterStreaming(const CaptureOptions& options, const FirstStartPlan& plan,
                    const MadeAndRead& made, Spool* spool, const Stop& stop) {
  const Lsn consistent = made.consistent_point;
  const Lsn before{consistent.value - 1};
  if (options.skip_snapshot) {
    spool->BeginStreamingAt(SourceOf(options, plan.view.identity),
                            {Position::EndOf(before), consistent}, /*predecessor=*/"");
  } else if (!spool->EndSnapshot({before, consistent}, made.tables, stop)) {
    return false;
  }
  BW_KILL_POINT("first_start.after_streaming");
  spdlog::info("Snapshot {}, streaming changes from {}",
               options.skip_snapshot ? "skipped" : "complete", consistent.ToString());
  return true;
}

}  // namespace

FirstStartPlan PrepareFirstStart(const CaptureOptions& options, const Stop& stop) {
  FirstStartPlan plan;
  plan.view = InspectServer(options, stop);
  SayIfUntested(plan.view.identity);
  // A slot of the name makes room when it is dropped first; if it may not be, creating ours fails.
  if (!plan.view.slot) RequireFreeSlot(plan.view);
  PgConnection connection(options, PgConnection::Mode::kSql, stop);
  const PublicationFacts facts = ReadPublicationFacts(&connection, options, plan.view);
  plan.publications = PlanPublications(facts, options);
  if (!options.skip_snapshot) {
    RequireReadable(TablesToRead(facts, plan.publications, options), plan.view.role.name);
  }
  return plan;
}

bool RunFirstStart(const CaptureOptions& options, const FirstStartPlan& plan, Spool* spool,
                   CaptureFigures* figures, const Stop& stop) {
  for (const std::string& warning : plan.publications.warnings) spdlog::warn("{}", warning);
  PgConnection replication(options, PgConnection::Mode::kReplication, stop);
  spool->Recover();
  const bool drop_slot = plan.drop_slot || spool->state().phase == SpoolPhase::kFirstStart;
  spool->BeginFirstStart(SourceOf(options, plan.view.identity), plan.supersedes);
  BW_KILL_POINT("first_start.after_intent");
  Made made;
  MadeAndRead read;
  try {
    read = MakeAndRead(options, plan, drop_slot, &replication, spool, figures, stop, &made);
  } catch (...) {
    TakeBack(options, plan, made);
    throw;
  }
  return EnterStreaming(options, plan, read, spool, stop);
}

}  // namespace bw
