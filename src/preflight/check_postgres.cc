#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>

#include "base/format.h"
#include "base/log.h"
#include "capture/first_start.h"
#include "capture/publication.h"
#include "capture/publication_setup.h"
#include "capture/server_inspection.h"
#include "capture/snapshot_tables.h"
#include "capture/sql_text.h"
#include "capture/table_catalog.h"
#include "capture/table_filter.h"
#include "preflight/preflight.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

// A clock that is off by more makes lags and commit times hard to read.
constexpr double kClockDifferenceMax = 5;
// A transaction that is open for longer makes the slot's creation wait.
constexpr int kLongTransactionSeconds = 60;

struct Subject {
  const CaptureOptions& options;
  const PublishOptions& publish;
  bool has_spool = false;  // So this is no first start.
  const Stop& stop;
};

// --- The server ----------------------------------------------------------------------------------

void CheckServer(const ServerView& view, Findings* findings) {
  const std::vector<Halt> obstacles = FindObstacles(view);
  for (const Halt& obstacle : obstacles) findings->Bad(obstacle);
  const ServerSettings& settings = view.settings;
  if (view.identity.in_recovery) {
    findings->Doubtful("The server is a standby: the relay would wait for its promotion");
  }
  if (!obstacles.empty()) return;
  findings->Good(fmt::format("PostgreSQL {}, wal_level {}, role {} may replicate",
                             view.identity.version / 10000, settings.wal_level, view.role.name));
}

void CheckWalSenders(const ServerView& view, PgConnection* connection, Findings* findings) {
  const int64_t used =
      connection->Query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'")
          .Int(0, 0);
  // One for the stream and, while tables are read, one for the temporary slot.
  const int64_t free = view.settings.max_wal_senders - used;
  const std::string text =
      fmt::format("{} of {} walsenders are free", free, view.settings.max_wal_senders);
  if (free >= 2) {
    findings->Good(text);
  } else {
    findings->Doubtful(text +
                       "; the relay needs one, and a second one while it reads tables. "
                       "Raise max_wal_senders and restart PostgreSQL");
  }
}

// What the relay does first. A connection pooler lets ordinary connections through, and not this.
bool CheckReplicationConnection(const Subject& subject, Findings* findings) {
  try {
    PgConnection connection(subject.options, PgConnection::Mode::kReplication, subject.stop);
    const ServerView view = LookThrough(&connection, subject.options.slot);
    if (!view.slot) {
      if (const auto full = FindFullSlots(view)) findings->Bad(*full);
      return true;
    }
    const SlotState& slot = *view.slot;
    std::string text = fmt::format("Replication slot \"{}\" exists", slot.name);
    if (slot.active_pid) text += fmt::format(", in use by process {}", *slot.active_pid);
    if (slot.wal_status == "lost" || !slot.invalidation_reason.empty()) {
      findings->Bad(text +
                        " and is lost: the server has removed WAL that it needs. Start once as "
                        "bottledwater resnapshot",
                    ExitCode::kHaltSlot);
    } else if (!subject.has_spool) {
      findings->Doubtful(text +
                         ", but there is no spool here: the relay asks Kafka whose slot it "
                         "is, and stops when it cannot tell");
    } else {
      findings->Good(text);
    }
    return true;
  } catch (const Error& error) {
    findings->Bad(Sentence(error.what()) +
                      " An ordinary connection works: if there is a connection pooler in between, "
                      "connect to PostgreSQL itself; else look at pg_hba.conf and max_wal_senders.",
                  error.exit_code());
    return false;
  }
}

void CheckWaits(PgConnection* connection, Findings* findings) {
  const int64_t prepared = connection->Query("SELECT count(*) FROM pg_prepared_xacts").Int(0, 0);
  if (prepared > 0) {
    findings->Doubtful(fmt::format(
        "{} prepared transaction{}: creating the slot waits until {} ended (pg_prepared_xacts)",
        prepared, prepared == 1 ? " is open" : "s are open", prepared == 1 ? "it is" : "they are"));
  }
  const int64_t open =
      connection
          ->Query(fmt::format("SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL "
                              "AND xact_start < now() - interval '{} s'",
                              kLongTransactionSeconds))
          .Int(0, 0);
  if (open > 0) {
    findings->Doubtful(fmt::format(
        "{} transaction{} open and writing for more than a minute: creating the slot waits for "
        "{} (pg_stat_activity)",
        open, open == 1 ? " has been" : "s have been", open == 1 ? "its end" : "their end"));
  }
  if (prepared == 0 && open == 0) findings->Good("No transaction makes the slot's creation wait");
}

void CheckSettings(PgConnection* connection, Findings* findings) {
  const PgResult found = connection->Query(
      "SELECT coalesce(current_setting('max_slot_wal_keep_size', true), '-1'), "
      "extract(epoch FROM clock_timestamp())::float8");
  if (found.String(0, 0) == "-1") {
    findings->Doubtful(
        "max_slot_wal_keep_size is unlimited: if the relay stays away, its slot can fill "
        "PostgreSQL's disk. With a limit, PostgreSQL gives up the slot instead, and the relay then "
        "has to read all tables again");
  } else {
    findings->Good(fmt::format("max_slot_wal_keep_size is {}", found.String(0, 0)));
  }
  const double difference =
      std::strtod(found.String(0, 1).c_str(), nullptr) - static_cast<double>(std::time(nullptr));
  if (std::abs(difference) > kClockDifferenceMax) {
    findings->Doubtful(fmt::format(
        "Its clock and this machine's differ by {:.0f} s: lags and commit times will be off",
        difference));
  }
}

// --- The tables ----------------------------------------------------------------------------------

void CheckTopics(const std::vector<SnapshotTable>& tables, const PublishOptions& options,
                 Findings* findings) {
  std::map<std::string, std::string> owners;  // Of topics, as Kafka tells them apart.
  for (const SnapshotTable& table : tables) {
    const TableName name = table.described.name();
    const std::string topic = TopicOfTable(options.topic_prefix, name.schema, name.table);
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

// Everything that a first start would refuse, not only what it would meet first.
void CheckFirstStart(const PublicationFacts& facts, const Subject& subject, Findings* findings) {
  CaptureOptions options = subject.options;
  PublicationPlan plan;
  try {
    plan = PlanPublications(facts, options);
  } catch (const Error& error) {
    findings->Bad(error);
    if (error.exit_code() != ExitCode::kUnkeyedTables) return;
    options.allow_unkeyed = true;
    if (!findings->Try([&] { plan = PlanPublications(facts, options); })) return;
  }
  for (const std::string& warning : plan.warnings) findings->Doubtful(warning);
  const std::vector<SnapshotTable> tables = TablesToRead(facts, plan, options);
  if (tables.empty()) {
    findings->Doubtful("No table would be captured: look at --tables and --exclude-tables");
    return;
  }
  if (!options.skip_snapshot) {
    findings->Try([&] { RequireReadable(tables, facts.role.name); });
  }
  CheckTopics(tables, subject.publish, findings);
  int64_t bytes = 0;
  for (const SnapshotTable& table : tables) bytes += table.described.bytes;
  findings->Good(fmt::format("{} table{} would be captured; the snapshot reads about {}",
                             tables.size(), tables.size() == 1 ? "" : "s",
                             FormatSize(static_cast<uint64_t>(std::max<int64_t>(bytes, 0)))));
}

void CheckTables(const ServerView& view, const std::string& database, const Subject& subject,
                 PgConnection* connection, Findings* findings) {
  PublicationFacts facts;
  facts.role = view.role;
  facts.version = view.identity.version;
  facts.database = database;
  facts.tables = ReadTables(connection);
  facts.existing = ReadPublications(connection, CandidatePublications(subject.options));
  if (subject.has_spool) {
    findings->Try([&] { FindPublications(connection, subject.options, /*expects_pair=*/false); });
    return;
  }
  CheckFirstStart(facts, subject, findings);
}

}  // namespace

std::vector<Finding> CheckPostgres(const Options& options, const Stop& stop,
                                   std::string* database) {
  Findings findings("PostgreSQL");
  const Subject subject{options.capture, options.publish, Spool::Exists(options.spool), stop};
  findings.Try([&] {
    PgConnection connection(options.capture, PgConnection::Mode::kSql, stop);
    const ServerView view = LookAtStanding(&connection);
    *database = connection.Query("SELECT current_database()").String(0, 0);
    CheckServer(view, &findings);
    if (FindObstacles(view).empty()) {
      CheckReplicationConnection(subject, &findings);
      CheckWalSenders(view, &connection, &findings);
    } else if (const auto full = FindFullSlots(view)) {
      findings.Bad(*full);
    }
    CheckWaits(&connection, &findings);
    CheckSettings(&connection, &findings);
    CheckTables(view, *database, subject, &connection, &findings);
  });
  return findings.Take();
}

}  // namespace bw
