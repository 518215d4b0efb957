#include <fmt/format.h>

#include <cmath>
#include <ctime>

#include "capture/pg_connection.h"
#include "capture/server_inspection.h"
#include "preflight/preflight.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

// A clock that is off by more makes lags and commit times hard to read.
constexpr double kClockDifferenceMax = 5;
// A transaction that is open for longer makes the slot's creation wait.
constexpr int kLongTransactionSeconds = 60;

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
    CheckServer(view, &findings);
    if (FindObstacles(view).empty()) {
      CheckReplicationConnection(options.capture, stop, seen, &findings);
      CheckWalSenders(view, &connection, &findings);
    } else if (const auto full = FindFullSlots(view)) {
      findings.Bad(*full);
    }
    CheckWaits(&connection, &findings);
    CheckSettings(&connection, &findings);
    seen->standing = view;
  });
  return findings.Take();
}

}  // namespace bw
