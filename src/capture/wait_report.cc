#include "capture/wait_report.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

constexpr Duration kTellAgain{60'000};
constexpr const char* kThisDatabase =
    "(SELECT oid FROM pg_database WHERE datname = current_database())";

// The holders of some locks. `holders` selects from pg_locks l, in which prepared transactions have
// no pid, but their transaction's id.
std::string HoldersQuery(const std::string& holders) {
  return fmt::format(R"(
SELECT DISTINCT p.gid, coalesce(p.database, a.datname, ''), coalesce(p.owner, a.usename, ''),
  coalesce(extract(epoch FROM clock_timestamp() - coalesce(p.prepared, a.xact_start))::int8, -1),
  coalesce(l.pid, 0), coalesce(a.application_name, ''), coalesce(a.state, '')
FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_locks x ON l.pid IS NULL AND x.virtualtransaction = l.virtualtransaction
  AND x.locktype = 'transactionid' AND x.granted
LEFT JOIN pg_prepared_xacts p ON l.pid IS NULL AND p.transaction = x.transactionid
WHERE {}
ORDER BY 4 DESC LIMIT 10)",
                     holders);
}

std::string Since(int64_t seconds) { return seconds < 0 ? "" : fmt::format(", for {} s", seconds); }

std::string DescribeHolder(const PgResult& found, int row) {
  const std::string database = Printable(found.Text(row, 1));
  const std::string role = Printable(found.Text(row, 2));
  const std::string since = Since(found.Int(row, 3));
  if (!found.IsNull(row, 0)) {
    const std::string gid = Printable(QuoteLiteral(found.Text(row, 0)));
    return fmt::format(
        "prepared transaction {} of role {} in database {}{} (there, run COMMIT PREPARED {}; or "
        "ROLLBACK PREPARED {};)",
        gid, role, database, since, gid, gid);
  }
  const int64_t pid = found.Int(row, 4);
  if (pid == 0) return "a prepared transaction that has just ended";
  std::string session = fmt::format("the session with pid {}", pid);
  if (!role.empty()) session += fmt::format(" of role {}", role);
  if (!database.empty()) session += fmt::format(" in database {}", database);
  const std::string application = Printable(found.Text(row, 5));
  if (!application.empty()) session += fmt::format(" (application {})", application);
  const std::string state = Printable(found.Text(row, 6));
  if (!state.empty()) session += fmt::format(", {}", state);
  return fmt::format("{}{} (end it with SELECT pg_terminate_backend({});)", session, since, pid);
}

std::string DescribeHolders(PgConnection* connection, const std::string& holders) {
  PgQueryOptions options;
  options.doing = "look up who holds a lock";
  const PgResult found = connection->Query(HoldersQuery(holders), options);
  std::string text;
  for (int row = 0; row < found.rows(); ++row) {
    text += (row == 0 ? "" : "; ") + DescribeHolder(found, row);
  }
  return text;
}

// The transactions that server process `pid` is waiting for; empty when there are none.
std::string DescribeTransactionWaits(PgConnection* connection, int pid) {
  return DescribeHolders(
      connection, fmt::format("l.granted AND l.locktype = 'transactionid' AND l.transactionid IN ("
                              "SELECT w.transactionid FROM pg_locks w WHERE w.pid = {} "
                              "AND w.locktype = 'transactionid' AND NOT w.granted)",
                              pid));
}

}  // namespace

std::string DescribeLockHolders(PgConnection* connection, uint32_t table_oid) {
  return DescribeHolders(
      connection,
      fmt::format("l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.relation = {} "
                  "AND l.database = {}",
                  table_oid, kThisDatabase));
}

// ALTER PUBLICATION locks the publication for itself alone, and a table that it adds or drops in
// SHARE UPDATE EXCLUSIVE mode.
std::string DescribeMemberLockHolders(PgConnection* connection, const std::string& publication,
                                      uint32_t table_oid) {
  return DescribeHolders(
      connection,
      fmt::format("l.granted AND l.database = {} AND (l.locktype = 'object' AND l.classid = "
                  "'pg_publication'::regclass AND l.objid = (SELECT oid FROM pg_publication WHERE "
                  "pubname = {}) OR l.locktype = 'relation' AND l.relation = {} AND l.mode NOT IN "
                  "('AccessShareLock', 'RowShareLock', 'RowExclusiveLock'))",
                  kThisDatabase, QuoteLiteral(publication), table_oid));
}

void SlotWaitTeller::Look() {
  try {
    const std::string holders = DescribeTransactionWaits(connection_.Get(), pid_);
    const TimePoint now = std::chrono::steady_clock::now();
    if (holders.empty()) return;
    // The age in the text changes, so compare only the text before it.
    const std::string who = holders.substr(0, holders.find(", for "));
    if (who == told_ && now - told_at_ < kTellAgain) return;
    told_ = who;
    told_at_ = now;
    spdlog::warn(
        "Creating slot \"{}\" waits for the end of all transactions that are writing now: {}",
        slot_, holders);
  } catch (const Error& error) {
    spdlog::debug("cannot look up what the slot's creation waits for: {}", error.what());
    connection_.Reset();
  }
}

}  // namespace bw
