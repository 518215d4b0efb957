#include "capture/row_lookup.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>

#include "base/error.h"
#include "base/shown_text.h"
#include "capture/pg_connection.h"
#include "capture/sql_text.h"
#include "capture/toast_proof.h"

namespace bw {
namespace {

constexpr const char* kNoTable = "42P01";
constexpr const char* kNoSchema = "3F000";
constexpr const char* kWrongObjectType = "42809";
constexpr Duration kStatementTimeout{500};
constexpr Duration kLockTimeout{10};

// Of pg_class c: its name and columns. A VACUUM or ANALYZE does not change it.
constexpr const char* kVersion = R"((SELECT concat_ws('/', quote_ident(n.nspname),
    quote_ident(c.relname), c.relkind,
    (SELECT string_agg(concat_ws(':', v.attnum, v.xmin), ',' ORDER BY v.attnum) FROM pg_attribute v
     WHERE v.attrelid = c.oid AND v.attnum > 0))
  FROM pg_namespace n WHERE n.oid = c.relnamespace))";

// Of a pg_attribute a: the type below its domains, if it is built in. Input functions and operators
// of other types are whoever's has made the type, and a domain's CHECK is whoever's has made the
// domain: none of it must run with the relay's rights.
constexpr const char* kKeyType = R"((WITH RECURSIVE base(oid, typmod) AS (
    SELECT a.atttypid, a.atttypmod
    UNION ALL
    SELECT t.typbasetype, t.typtypmod FROM base JOIN pg_type t ON t.oid = base.oid
    WHERE t.typtype = 'd')
  SELECT format_type(base.oid, base.typmod) FROM base JOIN pg_type t ON t.oid = base.oid
  WHERE t.typtype <> 'd' AND t.oid < 16384))";

// Whether the statement's snapshot has the transaction. A walsender sends a commit before others
// see it; and another server may answer than the one that sends. The stream has the lower 32 bits
// of the number, which is within 2^31 of the snapshot's next one. On a standby, IsReplayed() has
// looked.
std::string IsVisible(const RowQuestion& question) {
  return fmt::format(R"(CASE WHEN pg_is_in_recovery() THEN true ELSE
  pg_current_wal_insert_lsn() > '{lsn}'::pg_lsn AND txid_visible_in_snapshot(
    txid_snapshot_xmax(txid_current_snapshot())
      + ({xid} - txid_snapshot_xmax(txid_current_snapshot()) % 4294967296 + 6442450944) % 4294967296
      - 2147483648, txid_current_snapshot()) END)",
                     fmt::arg("lsn", question.commit_lsn.ToString()),
                     fmt::arg("xid", question.xid));
}

PgQueryOptions OptionsFor(const RowQuestion& question, const std::string& remedy = "") {
  PgQueryOptions options;
  options.doing = fmt::format("read a row of table {} again", Printable(question.table));
  options.remedy_sql = remedy;
  options.timeout = 2 * kStatementTimeout;
  return options;
}

// Not PgResult::Text, which decodes.
std::optional<ReadValue> ValueAt(const PgResult& result, int column) {
  if (result.IsNull(0, column)) return ReadValue{true, {}};
  return ReadValue{false,
                   {PQgetvalue(result.get(), 0, column),
                    static_cast<size_t>(PQgetlength(result.get(), 0, column))}};
}

}  // namespace

const RowLookup::Column* RowLookup::Description::Find(const RowQuestion::Column& wanted) const {
  const auto found = std::ranges::find(columns, wanted.name, &Column::name);
  const bool is_same = found != columns.end() && found->type_oid == wanted.type_oid &&
                       found->typmod == wanted.typmod;
  return is_same ? &*found : nullptr;
}

RowLookup::RowLookup(PgConnection* connection) : connection_(connection) {
  PgQueryOptions options;
  options.doing = "prepare to read rows again";
  connection_->Query(fmt::format("SET lock_timeout = {}; SET statement_timeout = {}; "
                                 "SET max_parallel_workers_per_gather = 0",
                                 kLockTimeout.count(), kStatementTimeout.count()),
                     options);
  // For pg_dump's sake (CVE-2024-7348): the minor versions of August 2024 have it.
  connection_->Query(
      "SELECT set_config(name, 'view,foreign-table', false) FROM pg_settings "
      "WHERE name = 'restrict_nonsystem_relation_kind'",
      options);
  is_standby_ = connection_->Query("SELECT pg_is_in_recovery()", options).Bool(0, 0);
}

// Before the statement whose snapshot must have it.
bool RowLookup::IsReplayed(Lsn commit_lsn) {
  PgQueryOptions options;
  options.doing = "look how far the standby is";
  return connection_
      ->Query(fmt::format("SELECT coalesce(pg_last_wal_replay_lsn() > '{}'::pg_lsn, false)",
                          commit_lsn.ToString()),
              options)
      .Bool(0, 0);
}

RowLookup::Description RowLookup::Describe(const RowQuestion& question) {
  const PgResult found = connection_->Query(
      fmt::format(R"(
SELECT {version}, (SELECT quote_ident(n.nspname) FROM pg_namespace n WHERE n.oid = c.relnamespace)
    || '.' || quote_ident(c.relname), c.relkind = 'p',
  a.attname, quote_ident(a.attname), a.atttypid, a.atttypmod,
  CASE WHEN {may_change} THEN '' ELSE coalesce({key_type}, '') END,
  a.attcollation <> 0
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = {oid} AND c.relkind IN ('r', 'p'))",
                  fmt::arg("version", kVersion), fmt::arg("key_type", kKeyType),
                  fmt::arg("may_change", kTextMayChange), fmt::arg("oid", question.relation.value)),
      OptionsFor(question));
  Description table;
  for (int row = 0; row < found.rows(); ++row) {
    table.version = found.String(row, 0);
    table.name = found.String(row, 1);
    table.is_partitioned = found.Bool(row, 2);
    table.columns.push_back(
        {found.String(row, 3), found.String(row, 4), static_cast<uint32_t>(found.Int(row, 5)),
         static_cast<int32_t>(found.Int(row, 6)), found.String(row, 7), found.Bool(row, 8)});
  }
  return table;
}

std::string RowLookup::SelectSql(const RowQuestion& question, const Description& table) const {
  std::string condition;
  const TextEncoding encoding = TextEncoding::Of(connection_->Parameter("server_encoding"));
  for (const RowQuestion::KeyPart& part : question.key) {
    const Column* const column = table.Find(part.column);
    // With another modifier than then, the cast could make another key of it.
    if (column == nullptr || column->key_type.empty()) return "";
    const std::string text = encoding.is_raw() ? encoding.Decode(part.text) : part.text;
    if (encoding.is_raw() && encoding.Encode(text) != part.text) return "";
    const std::string literal = QuoteLiteral(text) + "::" + column->key_type;
    condition += fmt::format("{}k.{} OPERATOR(pg_catalog.=) {}", condition.empty() ? "" : " AND ",
                             column->quoted, literal);
    // The column's collation may take 'A' for 'a' where the index that identifies rows does not.
    if (column->has_collation) {
      condition += fmt::format(" AND k.{} OPERATOR(pg_catalog.=) {} COLLATE pg_catalog.\"C\"",
                               column->quoted, literal);
    }
  }
  if (condition.empty()) return "";
  std::string columns;
  for (const RowQuestion::Column& wanted : question.columns) {
    const Column* const column = table.Find(wanted);
    columns += column != nullptr ? ", k." + column->quoted : ", NULL";
  }
  return fmt::format(R"(
SELECT {is_visible}, r.* FROM (VALUES (1)) one LEFT JOIN LATERAL (
  SELECT k.tableoid{columns} FROM {only}{name} k WHERE {condition} LIMIT 2) r ON true)",
                     fmt::arg("is_visible", IsVisible(question)), fmt::arg("columns", columns),
                     fmt::arg("only", table.is_partitioned ? "" : "ONLY "),
                     fmt::arg("name", table.name), fmt::arg("condition", condition));
}

// Before the lock, the name may have been given to a view of somebody's, whose functions would run
// with the relay's rights. With it, what has the name keeps it, so if the OID has it, too, that is
// it. (But for a schema that is renamed between this and the SELECT; there, the setting that
// forbids views helps where PostgreSQL has it.)
bool RowLookup::Lock(const RowQuestion& question, const Description& table) {
  const PgQueryOptions options =
      OptionsFor(question, fmt::format("GRANT SELECT ON TABLE {} TO {};", table.name,
                                       QuoteIdentifier(connection_->role())));
  const std::string refused = connection_->Try(
      fmt::format(
          "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; LOCK TABLE ONLY {} IN ACCESS SHARE MODE",
          table.name),
      options, {kNoTable, kNoSchema, kWrongObjectType});
  if (refused.empty()) {
    const PgResult found =
        connection_->Query(fmt::format("SELECT {} FROM pg_class c WHERE c.oid = {}", kVersion,
                                       question.relation.value),
                           options);
    if (found.rows() == 1 && found.Text(0, 0) == table.version) return true;
  }
  connection_->Query("ROLLBACK");
  return false;
}

std::optional<ReadRow> RowLookup::Select(const RowQuestion& question, const Description& table,
                                         const std::string& sql) {
  const PgResult found = connection_->Query(sql, OptionsFor(question));
  connection_->Query("ROLLBACK");
  if (!found.Bool(0, 0)) return std::nullopt;
  // None has this key, or, where what identifies rows has changed, several have.
  if (found.rows() != 1 || found.IsNull(0, 1)) return ReadRow{};
  if (!table.is_partitioned && found.Int(0, 1) != question.relation.value) return ReadRow{};
  ReadRow row;
  for (size_t i = 0; i < question.columns.size(); ++i) {
    const bool is_there = table.Find(question.columns[i]) != nullptr;
    row.push_back(is_there ? ValueAt(found, static_cast<int>(i) + 2) : std::nullopt);
  }
  return row;
}

std::optional<ReadRow> RowLookup::Find(const RowQuestion& question) {
  if (is_standby_ && !IsReplayed(question.commit_lsn)) return std::nullopt;
  Description& table = tables_[question.relation.value];
  for (bool is_fresh = false;; is_fresh = true) {
    if (is_fresh || table.name.empty()) {
      table = Describe(question);
      is_fresh = true;
    }
    if (table.name.empty()) return ReadRow{};
    const std::string sql = SelectSql(question, table);
    if (!sql.empty() && Lock(question, table)) return Select(question, table, sql);
    // The table may have got the key back since; or it was altered, twice if this is the second
    // time.
    if (is_fresh) return ReadRow{};
  }
}

}  // namespace bw
