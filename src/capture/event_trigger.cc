#include "capture/event_trigger.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "capture/generated_columns.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

// Each table has an exception handler of its own, so that a locked one does not hold up the others.
// Replica identity is judged as PostgreSQL does when it allows an UPDATE (18 also looks at
// generated columns, with FULL at all); every partition of a partitioned table must have one. The
// keeper corrects what this gets wrong.
constexpr const char* kFunctionBody = R"(
DECLARE
  changed record;
  has_identity boolean;
  is_member boolean;
BEGIN
  FOR changed IN
    SELECT DISTINCT c.oid, c.relkind FROM pg_event_trigger_ddl_commands() d
    JOIN pg_class o ON d.classid = 'pg_class'::regclass AND o.oid = d.objid
    LEFT JOIN pg_index x ON x.indexrelid = o.oid
    JOIN pg_class c ON c.oid = coalesce({root}, x.indrelid, o.oid)
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384
  LOOP
    BEGIN
      SELECT coalesce(bool_and(t.relreplident = 'f' AND {full_counts} OR EXISTS (
          SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisvalid AND i.indimmediate
            AND i.indisunique AND i.indpred IS NULL
            AND CASE t.relreplident WHEN 'i' THEN i.indisreplident WHEN 'd' THEN i.indisprimary
                ELSE false END
            AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid
              AND a.attnum = ANY ((i.indkey::int2[])[0:{key_size} - 1])
              AND {generated} <> ''))), false)
        INTO has_identity
        FROM pg_class t
        WHERE t.oid = changed.oid OR t.oid IN (
          WITH RECURSIVE below(oid) AS (
            SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = changed.oid
              AND changed.relkind = 'p'
            UNION ALL SELECT i.inhrelid FROM below JOIN pg_inherits i ON i.inhparent = below.oid)
          SELECT below.oid FROM below);
      SELECT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                     WHERE p.pubname = {publication_literal} AND r.prrelid = changed.oid)
        INTO is_member;
      IF has_identity AND NOT is_member THEN
        EXECUTE format('ALTER PUBLICATION %s ADD TABLE ONLY %s', {publication_quoted_literal},
                       changed.oid::regclass);
      ELSIF is_member AND NOT has_identity THEN
        EXECUTE format('ALTER PUBLICATION %s DROP TABLE ONLY %s', {publication_quoted_literal},
                       changed.oid::regclass);
      END IF;
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  NULL;
END
)";

constexpr const char* kFullCounts = R"((t.relkind = 'p' OR NOT EXISTS (
          SELECT FROM pg_attribute a
          WHERE a.attrelid = t.oid AND a.attgenerated <> '' AND NOT a.attisdropped)))";
constexpr const char* kPartitionRoot = "pg_partition_root(coalesce(x.indrelid, o.oid))::oid";
// EXECUTE FUNCTION, which was EXECUTE PROCEDURE.
constexpr int kFirstWithFunction = 110000;

}  // namespace

std::string EventTriggerName(const std::string& publication) {
  return publication + "_trigger";  // No longer than kInsertsSuffix.
}

std::string EventTriggerSql(const std::string& publication, bool joins_roots, int server_version) {
  const CatalogTerms terms(server_version);
  const std::string schema = QuoteIdentifier(EventTriggerName(publication));
  const std::string quoted = QuoteIdentifier(publication);
  const std::string body = fmt::format(
      kFunctionBody, fmt::arg("publication_literal", QuoteLiteral(publication)),
      fmt::arg("publication_quoted_literal", QuoteLiteral(quoted)),
      fmt::arg("root", joins_roots ? kPartitionRoot : "NULL::oid"),
      fmt::arg("key_size", terms.key_size), fmt::arg("generated", terms.generated),
      fmt::arg("full_counts", server_version >= kFirstToRefuseGenerated ? kFullCounts : "true"));
  return fmt::format(
      "CREATE SCHEMA IF NOT EXISTS {schema};\n"
      "CREATE OR REPLACE FUNCTION {schema}.keep_publication() RETURNS event_trigger\n"
      "LANGUAGE plpgsql SECURITY DEFINER\n"
      "SET search_path = pg_catalog, pg_temp SET lock_timeout = '10ms'\n"
      "SET client_min_messages = error AS {body};\n"
      "REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;\n"
      "CREATE EVENT TRIGGER {schema} ON ddl_command_end WHEN TAG IN ('CREATE TABLE',\n"
      "'CREATE TABLE AS', 'SELECT INTO', 'CREATE SCHEMA', 'ALTER TABLE', 'CREATE INDEX')\n"
      "EXECUTE {function} {schema}.keep_publication();",
      fmt::arg("schema", schema), fmt::arg("body", QuoteLiteral(body)),
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

std::string InstallEventTrigger(PgConnection* connection, const std::string& publication,
                                bool joins_roots) try {
  const std::string name = EventTriggerName(publication);
  PgQueryOptions options;
  options.doing = fmt::format("install event trigger \"{}\"", name);
  const PgResult found = connection->Query(
      "SELECT FROM pg_event_trigger WHERE evtname = " + QuoteLiteral(name), options);
  if (found.rows() != 0) return "";
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

}  // namespace bw
