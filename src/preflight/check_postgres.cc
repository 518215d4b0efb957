#include <fmt/format.h>

#include <cmath>
#include <ctime>

#include "base/log.h"
#include "capture/pg_connection.h"
#include "capture/server_inspection.h"
#include "capture/sql_text.h"
#include "preflight/preflight.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

// A clock that is off by more makes lags and commit times hard to read.
constexpr double kClockDifferenceMax = 5;
// A transaction that is open for longer makes the slot's creation wait.
constexpr int kLongTransactionSeconds = 60;

void CheckServer(const ServerView& view, const std::vector<Halt>& obstacles, Findings* findings) {
  for (const Halt& obstacle : obstacles) findings->Bad(obstacle);
  const ServerSettings& settings = view.settings;
  if (view.identity.in_recovery) {
    findings->Doubtful("The server is a standby: the relay would wait for its promotion");
  }
  if (!obstacles.empty()) return;
  findings->Good(fmt::format("PostgreSQL {}, wal_level {}, role {} may replicate",
                             view.identity.version / 10000, settings.wal_level, view.role.name));
  if (!SendsTruncates(view.identity)) findings->Doubtful(UnsentTruncatesText(view.identity));
}

// pg_stat_replication has a row of each walsender for every role; pg_stat_activity hides from roles
// without pg_read_all_stats which of other roles' processes are walsenders.
void CheckWalSenders(const ServerView& view, PgConnection* connection, Findings* findings) {
  const int64_t used = connection->Query("SELECT count(*) FROM pg_stat_replication").Int(0, 0);
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

// All roles see whose sessions there are. Walsenders take part in the role's limit, but not in
// max_connections.
void CheckConnections(const CaptureOptions& options, const Seen& seen, const RoleRights& role,
                      PgConnection* connection, Findings* findings) {
  const bool reads_tables = !seen.has_spool && !options.skip_snapshot;
  // The stream, the watch over the publications, and the snapshot's readers.
  const int64_t needed = 2 + (reads_tables ? options.snapshot_connections : 0);
  const std::string use = fmt::format("a start needs {}{}", needed,
                                      reads_tables ? ", some of them --snapshot-connections" : "");
  const PgResult found = connection->Query(
      "SELECT r.rolconnlimit, count(a.pid) FILTER (WHERE a.usesysid = r.oid), "
      "current_setting('max_connections')::int - count(a.pid) FILTER (WHERE w.pid IS NULL) "
      "- CASE WHEN r.rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int "
      "+ coalesce(current_setting('reserved_connections', true)::int, 0) END "
      "FROM pg_roles r LEFT JOIN pg_stat_activity a ON a.datid IS NOT NULL "
      "AND a.usesysid IS NOT NULL AND a.pid <> pg_backend_pid() "
      "LEFT JOIN pg_stat_replication w ON w.pid = a.pid "
      "WHERE r.rolname = session_user GROUP BY r.oid, r.rolconnlimit, r.rolsuper");
  if (found.rows() == 0) return;
  const int64_t limit = found.Int(0, 0);
  const int64_t used = found.Int(0, 1);
  const int64_t free = found.Int(0, 2);
  const bool is_limited = limit >= 0 && !role.superuser;
  if (is_limited && limit - used < needed) {
    const std::string text = fmt::format(
        "Role {} may have {} connections at once, {} are in use, and {}. Let a superuser run:{}",
        role.name, limit, used, use,
        OwnLine(fmt::format("ALTER ROLE {} CONNECTION LIMIT {};", QuoteIdentifier(role.name),
                            needed + used)));
    if (limit < needed) {
      findings->Bad(text, ExitCode::kTryAgain);
    } else {
      findings->Doubtful(text);
    }
  }
  if (free < needed - 1) {
    findings->Doubtful(fmt::format(
        "{} connections are free for role {}, and {}, one of them a walsender. End sessions that "
        "nobody needs, or raise max_connections and restart PostgreSQL",
        free, role.name, use));
  }
}

// What the relay does first. A connection pooler lets ordinary connections through, and not this.
void CheckReplicationConnection(const CaptureOptions& options, const Stop& stop, Seen* seen,
                                Findings* findings) {
  try {
    PgConnection connection(options, PgConnection::Mode::kReplication, stop);
    // Beside a running relay the slot is in use, and stays so.
    seen->server = seen->spool_in_use ? LookThrough(&connection, options.slot)
                                      : LookUntilIdle(&connection, options, stop);
  } catch (const Error& error) {
    findings->Bad(Sentence(error.what()) +
                      " An ordinary connection works: if there is a connection pooler in between, "
                      "connect to PostgreSQL itself; else look at pg_hba.conf and max_wal_senders.",
                  error.exit_code());
  }
}

// Whether there is any that makes the slot's creation wait. All roles see which processes have a
// transaction ID; of other roles' ones, only those with pg_read_all_stats see since when.
bool FindOpenTransactions(const std::string& role, PgConnection* connection, Findings* findings) {
  const PgResult found = connection->Query(
      fmt::format("SELECT count(*) FILTER (WHERE xact_start < now() - interval '{} s'), "
                  "count(*) FILTER (WHERE xact_start IS NULL) FROM pg_stat_activity "
                  "WHERE backend_xid IS NOT NULL",
                  kLongTransactionSeconds));
  const int64_t open = found.Int(0, 0);
  const int64_t hidden = found.Int(0, 1);
  if (open > 0) {
    findings->Doubtful(fmt::format(
        "{} transaction{} open and writing for more than a minute: creating the slot waits for "
        "{} (pg_stat_activity)",
        open, open == 1 ? " has been" : "s have been", open == 1 ? "its end" : "their end"));
  }
  if (hidden > 0) {
    findings->Doubtful(fmt::format(
        "{} transaction{} of other roles open and writing, and creating the slot waits for {}. "
        "For how long cannot be told: PostgreSQL hides since when from role {}. To let it see "
        "that, let a superuser run:{}",
        hidden, hidden == 1 ? " is" : "s are", hidden == 1 ? "its end" : "their end", role,
        OwnLine(fmt::format("GRANT pg_read_all_stats TO {};", QuoteIdentifier(role)))));
  }
  return open > 0 || hidden > 0;
}

void CheckWaits(const std::string& role, PgConnection* connection, Findings* findings) {
  const int64_t prepared = connection->Query("SELECT count(*) FROM pg_prepared_xacts").Int(0, 0);
  if (prepared > 0) {
    findings->Doubtful(fmt::format(
        "{} prepared transaction{}: creating the slot waits until {} ended (pg_prepared_xacts)",
        prepared, prepared == 1 ? " is open" : "s are open", prepared == 1 ? "it is" : "they are"));
  }
  if (!FindOpenTransactions(role, connection, findings) && prepared == 0) {
    findings->Good("No transaction makes the slot's creation wait");
  }
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

}  // namespace

std::vector<Finding> CheckPostgres(const Options& options, const Stop& stop, Seen* seen) {
  Findings findings("PostgreSQL");
  findings.Try([&] {
    PgConnection connection(options.capture, PgConnection::Mode::kSql, stop);
    const ServerView view = LookAtStanding(&connection);
    seen->database = connection.Query("SELECT current_database()").String(0, 0);
    // The topic's name needs no more of the source than these two.
    seen->checkpoint_topic = CheckpointTopic(
        options.publish.topic_prefix,
        {.system_identifier = "", .database = seen->database, .slot = options.capture.slot});
    const std::vector<Halt> obstacles = FindObstacles(view, options.capture.on_truncate);
    CheckServer(view, obstacles, &findings);
    if (!seen->spool_in_use) {  // That relay's sessions are among those in use.
      CheckConnections(options.capture, *seen, view.role, &connection, &findings);
    }
    if (FindObstacles(view).empty()) {  // Of the server's own.
      CheckReplicationConnection(options.capture, stop, seen, &findings);
      CheckWalSenders(view, &connection, &findings);
    } else if (const auto full = FindFullSlots(view)) {
      findings.Bad(*full);
    }
    CheckWaits(view.role.name, &connection, &findings);
    CheckSettings(&connection, &findings);
    seen->standing = view;
  });
  return findings.Take();
}

}  // namespace bw
