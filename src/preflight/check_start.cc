#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/format.h"
#include "base/log.h"
#include "capture/first_start.h"
#include "capture/publication.h"
#include "capture/publication_setup.h"
#include "capture/snapshot_tables.h"
#include "capture/table_catalog.h"
#include "preflight/preflight.h"
#include "publish/checkpoint_reader.h"
#include "publish/topic_name.h"
#include "recovery/reconcile.h"
#include "spool/spool_reader.h"

namespace bw {
namespace {

// --- The decision --------------------------------------------------------------------------------

// Beside a running relay the checkpoint moves, and the relay compares it itself.
CheckpointState ReadCheckpoint(const Seen& seen) {
  if (!seen.kafka || seen.spool_in_use) return {};
  try {
    const std::string cluster_id = seen.kafka->ClusterId();
    return StateOf(ReadNewestCheckpoint(seen.kafka.get(), seen.checkpoint_topic).checkpoint,
                   cluster_id);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kTransient) throw;
    return {};
  }
}

StartFacts GatherFacts(const Options& options, const Seen& seen) {
  StartFacts facts;
  facts.server = seen.server->identity;
  facts.slot_name = options.capture.slot;
  facts.slot = seen.server->slot;
  if (seen.spool_in_use && facts.slot) {  // By that relay, which is reported already.
    facts.slot->active_pid.reset();
    facts.slot->creator_pid.reset();
  }
  facts.checkpoint = ReadCheckpoint(seen);
  if (seen.has_spool) facts.spool = SpoolReader(options.spool).picture().state;
  facts.places = {options.spool.directory, seen.checkpoint_topic};
  return facts;
}

std::string ResumeText(const ServerView& server) {
  std::string text = fmt::format("Replication slot \"{}\" continues the spool", server.slot->name);
  if (server.slot->active_pid)
    text += fmt::format(", in use by process {}", *server.slot->active_pid);
  return text;
}

// What the relay would decide; nothing when it would end or wait.
std::optional<Plan> Decide(const Options& options, const Seen& seen, Findings* findings) {
  std::optional<Plan> decided;
  findings->Try([&] {
    const auto outcome = Reconcile(GatherFacts(options, seen), options.overrides);
    if (const auto* halt = std::get_if<Halt>(&outcome)) {
      findings->Bad(*halt);
      return;
    }
    const Plan& plan = std::get<Plan>(outcome);
    if (plan.kind == Plan::Kind::kWaitForCheckpoint) {
      findings->Bad(plan.notes.front(), ExitCode::kTryAgain);
      return;
    }
    if (plan.kind == Plan::Kind::kResume) findings->Good(ResumeText(*seen.server));
    for (const std::string& note : plan.notes) findings->Good(note);
    decided = plan;
  });
  return decided;
}

// --- The tables ----------------------------------------------------------------------------------

void CheckTopics(const std::vector<SnapshotTable>& tables, const PublishOptions& options,
                 Findings* findings) {
  std::map<std::string, std::string> owners;  // Of topics, as Kafka tells them apart.
  for (const SnapshotTable& table : tables) {
    const TableName name = table.described.name();
    const std::string topic =
        TopicOfTable(options.topic_prefix, name.schema, name.table, options.envelope);
    const auto [owner, is_first] =
        owners.try_emplace(KafkaFormOfTopic(topic), table.described.qualified_name());
    if (is_first) continue;
    findings->Doubtful(fmt::format(
        "Tables {} and {} cannot both have topic {}: {} (--on-collision)", owner->second,
        table.described.qualified_name(), topic,
        options.on_collision == OnCollision::kSuffix ? "one of them gets a suffix"
                                                     : "the changes of one are left out"));
  }
}

// What the tables and their partitions take on PostgreSQL's disk, without indexes. The statistics
// of a table that was just loaded say nothing yet.
uint64_t BytesOf(const std::vector<SnapshotTable>& tables, PgConnection* connection) {
  std::string oids;
  int64_t bytes = 0;
  for (const SnapshotTable& table : tables) {
    oids += fmt::format("{}{}", oids.empty() ? "" : ",", table.described.oid);
    bytes += table.described.bytes;
  }
  try {
    bytes = connection
                ->Query(fmt::format(
                    "WITH RECURSIVE member(oid) AS (SELECT unnest('{{{}}}'::oid[]) UNION SELECT "
                    "i.inhrelid FROM member m JOIN pg_class c ON c.oid = m.oid AND c.relkind = 'p' "
                    "JOIN pg_inherits i ON i.inhparent = m.oid) "
                    "SELECT coalesce(sum(pg_table_size(oid)), 0)::int8 FROM member",
                    oids))
                .Int(0, 0);
  } catch (const Error&) {
    // One of them is locked, or has just been dropped: then the statistics must do.
  }
  return static_cast<uint64_t>(std::max<int64_t>(bytes, 0));
}

// The plan, after what is in its way was reported: as if unkeyed tables were allowed and the role
// might create publications. Nothing when there is none even so.
std::optional<PublicationPlan> PlanInSpite(PublicationFacts facts, CaptureOptions options,
                                           Findings* findings) {
  std::string told;
  while (true) {
    try {
      return PlanPublications(facts, options);
    } catch (const Error& error) {
      if (error.what() == told) return std::nullopt;
      told = error.what();
      findings->Bad(error);
      if (error.exit_code() == ExitCode::kUnkeyedTables) {
        options.allow_unkeyed = true;
      } else if (error.exit_code() == ExitCode::kMissingRight) {
        facts.role.superuser = true;
      } else {
        return std::nullopt;
      }
    }
  }
}

// Everything that a first start would refuse, not only what it would meet first.
void CheckFirstStart(const PublicationFacts& facts, const Options& given, PgConnection* connection,
                     Seen* seen, Findings* findings) {
  const std::optional<PublicationPlan> plan = PlanInSpite(facts, given.capture, findings);
  if (!plan) return;
  for (const std::string& warning : plan->warnings) findings->Doubtful(warning);
  const std::vector<SnapshotTable> tables = TablesToRead(facts, *plan, given.capture);
  if (tables.empty()) {
    findings->Doubtful("No table would be captured: look at --tables and --exclude-tables");
    return;
  }
  CheckTopics(tables, given.publish, findings);
  std::string snapshot = "without a snapshot (--skip-snapshot)";
  if (!given.capture.skip_snapshot) {
    findings->Try([&] { RequireReadable(tables, facts.role.name); });
    seen->snapshot_bytes = BytesOf(tables, connection);
    snapshot = "the snapshot reads about " + FormatSize(seen->snapshot_bytes);
  }
  findings->Good(fmt::format("{} table{} would be captured; {}", tables.size(),
                             tables.size() == 1 ? "" : "s", snapshot));
}

void CheckTables(const Options& options, bool is_first_start, const Stop& stop, Seen* seen,
                 Findings* findings) {
  PgConnection connection(options.capture, PgConnection::Mode::kSql, stop);
  if (!is_first_start) {
    const bool expects_pair = seen->has_spool && SpoolReader(options.spool).picture().expects_pair;
    FindPublications(&connection, options.capture, expects_pair);
    return;
  }
  PublicationFacts facts;
  facts.role = seen->standing->role;
  facts.version = seen->standing->identity.version;
  facts.database = seen->database;
  facts.tables = ReadTables(&connection, options.capture.type_forms);
  facts.existing = ReadPublications(&connection, CandidatePublications(options.capture));
  CheckFirstStart(facts, options, &connection, seen, findings);
}

}  // namespace

std::vector<Finding> CheckStart(const Options& options, const Stop& stop, Seen* seen) {
  Findings findings("Start");
  if (!seen->standing || (seen->has_spool && seen->spool_refused)) return {};
  bool is_first_start = !seen->has_spool;  // As far as one can tell without the server's view.
  // A standby is waited for, and may look different once it is promoted.
  if (seen->server && !seen->standing->identity.in_recovery) {
    const auto plan = Decide(options, *seen, &findings);
    // The tables matter once the relay gets as far as that.
    if (!plan) return findings.Take();
    is_first_start = plan->kind == Plan::Kind::kFirstStart;
    if (is_first_start && !seen->server->slot) {
      if (const auto full = FindFullSlots(*seen->server)) findings.Bad(*full);
    }
  }
  findings.Try([&] { CheckTables(options, is_first_start, stop, seen, &findings); });
  return findings.Take();
}

}  // namespace bw
