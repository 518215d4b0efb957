#include "capture/event_trigger.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "capture/generated_columns.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

// Looks at the tables of the statement and, where roots are published in their partitions' place,
// at those above them; what a statement does to those below, which inherit it, can take them out,
// but adds none: that would be thousands. Replica identity is judged as PostgreSQL does when it
// allows an UPDATE (18 also looks at generated columns, with FULL at all); every partition of a
// partitioned table must have one. A change that fails does not hold up the others; the first that
// has to wait ends it, so that the statement waits once. Rows of pg_class are found one by one
// (OFFSET 0): in a database with many tables the planner would read all of them at each statement.
// The keeper corrects what this gets wrong.
constexpr const char* kFunctionBody = R"(
DECLARE
  changed record;
BEGIN
  FOR changed IN
    WITH RECURSIVE seen(oid, is_named) AS (
      SELECT coalesce(x.indrelid, o.oid), true FROM pg_event_trigger_ddl_commands() d
      JOIN pg_class o ON d.classid = 'pg_class'::regclass AND o.oid = d.objid
      LEFT JOIN pg_index x ON x.indexrelid = o.oid
      UNION SELECT i.inhrelid, false FROM seen JOIN pg_inherits i ON i.inhparent = seen.oid),
    unit AS (
      SELECT c.oid, c.relkind, u.is_named AND {may_join} AS may_join, EXISTS (
        SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
        WHERE p.pubname = {publication_literal} AND r.prrelid = c.oid) AS is_member
      FROM (SELECT {unit} AS oid, bool_or(seen.is_named) AS is_named FROM seen {above} GROUP BY 1) u
      CROSS JOIN LATERAL (SELECT * FROM pg_class WHERE oid = u.oid OFFSET 0) c
      WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384),
    judged AS (
      SELECT u.oid, u.is_member, (
        SELECT coalesce(bool_and(t.relreplident = 'f' AND {full_counts} OR EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisvalid AND i.indimmediate
              AND i.indisunique AND i.indpred IS NULL
              AND CASE t.relreplident WHEN 'i' THEN i.indisreplident WHEN 'd' THEN i.indisprimary
                  ELSE false END
              AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid
                AND a.attnum = ANY ((i.indkey::int2[])[0:{key_size} - 1])
                AND {generated} <> ''))), false)
        FROM (
          WITH RECURSIVE below(oid) AS (
            SELECT u.oid
            UNION ALL SELECT i.inhrelid FROM below JOIN pg_inherits i ON i.inhparent = below.oid
            WHERE u.relkind = 'p')
          SELECT below.oid FROM below) b
        CROSS JOIN LATERAL (SELECT * FROM pg_class WHERE oid = b.oid OFFSET 0) t) AS has_identity
      FROM unit u WHERE u.is_member OR u.may_join)
    SELECT j.oid, j.is_member FROM judged j WHERE j.has_identity <> j.is_member
    ORDER BY j.is_member DESC
  LOOP
    BEGIN
      EXECUTE format('ALTER PUBLICATION %s %s TABLE ONLY %s', {publication_quoted_literal},
                     CASE WHEN changed.is_member THEN 'DROP' ELSE 'ADD' END,
                     changed.oid::regclass);
    EXCEPTION
      WHEN lock_not_available THEN EXIT;
      WHEN OTHERS THEN NULL;
    END;
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  NULL;
END
)";

constexpr const char* kFullCounts = R"((t.relkind = 'p' OR NOT EXISTS (
            SELECT FROM pg_attribute a
            WHERE a.attrelid = t.oid AND a.attgenerated <> '' AND NOT a.attisdropped)))";
constexpr const char* kAbove = "LEFT JOIN LATERAL pg_partition_ancestors(seen.oid) a(oid) ON true";
// EXECUTE FUNCTION, which was EXECUTE PROCEDURE.
constexpr int kFirstWithFunction = 110000;

std::string FunctionBody(const std::string& publication, bool joins_roots, int server_version) {
  const CatalogTerms terms(server_version);
  return fmt::format(
      kFunctionBody, fmt::arg("publication_literal", QuoteLiteral(publication)),
      fmt::arg("publication_quoted_literal", QuoteLiteral(QuoteIdentifier(publication))),
      fmt::arg("unit", joins_roots ? "coalesce(a.oid, seen.oid)" : "seen.oid"),
      fmt::arg("above", joins_roots ? kAbove : ""),
      fmt::arg("may_join", joins_roots ? "NOT c.relispartition" : "c.relkind = 'r'"),
      fmt::arg("key_size", terms.key_size), fmt::arg("generated", terms.generated),
      fmt::arg("full_counts", server_version >= kFirstToRefuseGenerated ? kFullCounts : "true"));
}

// Without compiling its query, which takes a thousand times longer than running it.
std::string FunctionSql(const std::string& schema, const std::string& body, int server_version) {
  constexpr int kFirstWithJit = 110000;
  return fmt::format(
      "CREATE OR REPLACE FUNCTION {}.keep_publication() RETURNS event_trigger\n"
      "LANGUAGE plpgsql SECURITY DEFINER\n"
      "SET search_path = pg_catalog, pg_temp SET lock_timeout = '10ms'{}\n"
      "SET client_min_messages = error AS {};\n",
      schema, server_version >= kFirstWithJit ? " SET jit = off" : "", QuoteLiteral(body));
}

}  // namespace

std::string EventTriggerName(const std::string& publication) {
  return publication + "_trigger";  // No longer than kInsertsSuffix.
}

std::string EventTriggerSql(const std::string& publication, bool joins_roots, int server_version) {
  const std::string schema = QuoteIdentifier(EventTriggerName(publication));
  return fmt::format(
      "CREATE SCHEMA IF NOT EXISTS {schema};\n"
      "{make_function}"
      "REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;\n"
      "CREATE EVENT TRIGGER {schema} ON ddl_command_end WHEN TAG IN ('CREATE TABLE',\n"
      "'CREATE TABLE AS', 'SELECT INTO', 'CREATE SCHEMA', 'ALTER TABLE', 'CREATE INDEX')\n"
      "EXECUTE {function} {schema}.keep_publication();",
      fmt::arg("schema", schema),
      fmt::arg("make_function",
               FunctionSql(schema, FunctionBody(publication, joins_roots, server_version),
                           server_version)),
      fmt::arg("function", server_version >= kFirstWithFunction ? "FUNCTION" : "PROCEDURE"));
}

std::string DropEventTriggerSql(const std::string& publication) {
  return fmt::format(
      "DROP EVENT TRIGGER IF EXISTS {name}; DROP FUNCTION IF EXISTS {name}.keep_publication(); "
      "DROP SCHEMA IF EXISTS {name};",
      fmt::arg("name", QuoteIdentifier(EventTriggerName(publication))));
}

EventTriggerState LookForEventTrigger(PgConnection* connection, const std::string& publication) {
  const std::string name = QuoteLiteral(EventTriggerName(publication));
  PgQueryOptions options;
  options.doing = "look for the event trigger";
  const PgResult found = connection->Query(
      fmt::format("SELECT n.nspname = {0} AND f.proname = 'keep_publication' "
                  "FROM pg_event_trigger e JOIN pg_proc f ON f.oid = e.evtfoid "
                  "JOIN pg_namespace n ON n.oid = f.pronamespace WHERE e.evtname = {0}",
                  name),
      options);
  if (found.rows() == 0) return EventTriggerState::kNone;
  return found.Bool(0, 0) ? EventTriggerState::kOurs : EventTriggerState::kForeign;
}

namespace {

std::string Renew(PgConnection* connection, const std::string& publication, bool joins_roots) {
  const std::string body = FunctionBody(publication, joins_roots, connection->server_version());
  const std::string schema = QuoteIdentifier(EventTriggerName(publication));
  PgQueryOptions options;
  options.doing = fmt::format("renew the function of event trigger {}", schema);
  // Whoever has copied it from the log has other white space in it.
  constexpr const char* kOneLine = "regexp_replace(btrim({}, E' \\n'), E'[ \\n]+', ' ', 'g')";
  const PgResult found = connection->Query(
      fmt::format("SELECT {} = {} FROM pg_event_trigger e JOIN pg_proc f ON f.oid = e.evtfoid "
                  "WHERE e.evtname = {}",
                  fmt::format(kOneLine, "f.prosrc"), fmt::format(kOneLine, QuoteLiteral(body)),
                  QuoteLiteral(EventTriggerName(publication))),
      options);
  if (found.rows() == 0 || found.Bool(0, 0)) return "";
  const std::string sql = FunctionSql(schema, body, connection->server_version());
  try {
    connection->Query(sql, options);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kTransient) throw;
    return fmt::format(
        "Event trigger {} is of another version of the relay or of PostgreSQL, and may add tables "
        "whose UPDATE and DELETE PostgreSQL then refuses: {}. Let a superuser run:{}",
        schema, error.what(), OwnLine(sql));
  }
  spdlog::info("Event trigger {} was of another version of the relay or of PostgreSQL: renewed",
               schema);
  return "";
}

std::string Install(PgConnection* connection, const std::string& publication,
                    bool joins_roots) try {
  const std::string name = EventTriggerName(publication);
  PgQueryOptions options;
  options.doing = fmt::format("install event trigger \"{}\"", name);
  // One message is one transaction.
  connection->Query(EventTriggerSql(publication, joins_roots, connection->server_version()),
                    options);
  spdlog::info("Installed event trigger \"{}\"", name);
  return "";
} catch (const Error& error) {
  if (error.kind() == ErrorKind::kTransient) throw;
  return fmt::format(
      "--install-event-trigger: {}. Let a superuser run:{}", error.what(),
      OwnLine(EventTriggerSql(publication, joins_roots, connection->server_version())));
}

}  // namespace

std::string KeepEventTrigger(PgConnection* connection, const std::string& publication,
                             bool joins_roots, bool installs) {
  const EventTriggerState state = LookForEventTrigger(connection, publication);
  if (state == EventTriggerState::kOurs) return Renew(connection, publication, joins_roots);
  const bool is_missing = state == EventTriggerState::kNone && installs;
  return is_missing ? Install(connection, publication, joins_roots) : "";
}

}  // namespace bw
