#include <algorithm>

#include "base/log.h"
#include "capture/conninfo.h"
#include "capture/pg_connection.h"
#include "capture/publication_setup.h"
#include "capture/server_inspection.h"
#include "capture/sql_text.h"
#include "capture/table_catalog.h"
#include "preflight/least_rights.h"

namespace bw {
namespace {

// A role for the relay alone, where the options name none or a superuser.
constexpr const char* kDefaultRole = "bottledwater";

// Only what the connection string says; libpq's own defaults are those of whoever runs this.
std::string InConninfo(const CaptureOptions& options, std::string_view keyword) {
  const ConnectParameters parameters =
      BuildConnectParameters(options.conninfo, /*replication=*/false, options.connect_timeout);
  for (const auto& [name, value] : parameters.entries) {
    if (name == keyword) return value;
  }
  return "";
}

void AskForTables(PgConnection* connection, const CaptureOptions& options, RightsFacts* facts) {
  facts->tables = ReadTables(connection, options.type_forms);
  facts->existing = ReadPublications(connection, CandidatePublications(options));
  const PgResult found = connection->Query(
      "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.relrowsecurity AND c.relkind IN ('r', 'p')");
  for (int row = 0; row < found.rows(); ++row) {
    facts->with_policies.insert({found.String(row, 0), found.String(row, 1)});
  }
}

// Only a replication connection tells, which the role may not make yet.
std::string SystemIdentifier(const CaptureOptions& options, const Stop& stop) {
  try {
    PgConnection connection(options, PgConnection::Mode::kReplication, stop);
    return LookThrough(&connection, options.slot).identity.system_identifier;
  } catch (const Error&) {
    return "";
  }
}

}  // namespace

RightsFacts GatherRightsFacts(const Options& options, const Stop& stop) {
  RightsFacts facts;
  facts.role = options.command.role;
  facts.database = InConninfo(options.capture, "dbname");
  try {
    PgConnection connection(options.capture, PgConnection::Mode::kSql, stop);
    const ServerView view = LookAtStanding(&connection);
    if (facts.role.empty()) facts.role = view.role.superuser ? kDefaultRole : view.role.name;
    facts.database = connection.Query("SELECT current_database()").String(0, 0);
    facts.role_exists =
        connection.Query("SELECT FROM pg_roles WHERE rolname = " + QuoteLiteral(facts.role))
            .rows() > 0;
    AskForTables(&connection, options.capture, &facts);
    facts.version = view.identity.version;
    facts.system_identifier = SystemIdentifier(options.capture, stop);
  } catch (const Error& error) {
    facts.problem = error.what();
    facts.tables.clear();
    if (facts.role.empty()) facts.role = InConninfo(options.capture, "user");
    if (facts.role.empty()) facts.role = kDefaultRole;
    if (facts.database.empty()) facts.database = facts.role;
  }
  return facts;
}

}  // namespace bw
