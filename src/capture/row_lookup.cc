#include "capture/row_lookup.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>

#include "base/error.h"
#include "base/shown_text.h"
#include "capture/pg_connection.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

constexpr Duration kStatementTimeout{500};
constexpr Duration kLockTimeout{10};

// Of pg_class c: its name and columns. A VACUUM or ANALYZE does not change it.
constexpr const char* kVersion = R"((SELECT concat_ws('/', quote_ident(n.nspname),
    quote_ident(c.relname), c.relkind,
    (SELECT string_agg(concat_ws(':', v.attnum, v.xmin), ',' ORDER BY v.attnum) FROM pg_attribute v
     WHERE v.attrelid = c.oid AND v.attnum > 0))
  FROM pg_namespace n WHERE n.oid = c.relnamespace))";

// Of a pg_attribute a: the type below its domains, if it is built in, or an enum. Input functions
// and operators of other types are whoever's has made the type, and a domain's CHECK is whoever's
// has made the domain: none of it must run with the relay's rights.
constexpr const char* kKeyType = R"((WITH RECURSIVE base(oid, typmod) AS (
    SELECT a.atttypid, a.atttypmod
    UNION ALL
    SELECT t.typbasetype, t.typtypmod FROM base JOIN pg_type t ON t.oid = base.oid
    WHERE t.typtype = 'd')
  SELECT format_type(base.oid, base.typmod) FROM base JOIN pg_type t ON t.oid = base.oid
  WHERE t.typtype = 'e' OR t.typtype <> 'd' AND t.oid < 16384))";

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
  return found == columns.end() || found->type_oid != wanted.type_oid ? nullptr : &*found;
}

RowLookup::RowLookup(PgConnection* connection) : connection_(connection) {
  PgQueryOptions options;
  options.doing = "prepare to read rows again";
  connection_->Query(
      fmt::format("SET default_transaction_read_only = on; SET lock_timeout = {}; "
                  "SET statement_timeout = {}; SET max_parallel_workers_per_gather = 0",
                  kLockTimeout.count(), kStatementTimeout.count()),
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
  const PgResult found =
      connection_->Query(fmt::format(R"(
SELECT {version}, (SELECT quote_ident(n.nspname) FROM pg_namespace n WHERE n.oid = c.relnamespace)
    || '.' || quote_ident(c.relname), c.relkind = 'p',
  a.attname, quote_ident(a.attname), a.atttypid, a.atttypmod, coalesce({key_type}, ''),
  a.attcollation <> 0
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = {oid} AND c.relkind IN ('r', 'p'))",
                                     fmt::arg("version", kVersion), fmt::arg("key_type", kKeyType),
                                     fmt::arg("oid", question.relation.value)),
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
    const std::string text = encoding.is_raw() ? encoding.Decode(part.text) : part.text;
    const bool is_same = !encoding.is_raw() || encoding.Encode(text) == part.text;
    if (column == nullptr || column->key_type.empty() || !is_same) return "";
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
    const bool is_same = column != nullptr && column->typmod == wanted.typmod;
    columns += is_same ? ", k." + column->quoted : ", NULL";
  }
  // The version is as of the statement's snapshot, which is taken after the table is locked: while
  // it is, nobody can rename or alter it. The names in `r` do not matter.
  return fmt::format(R"(
SELECT coalesce((SELECT {version} FROM pg_class c WHERE c.oid = {oid}), ''), {is_visible}, r.*
FROM (VALUES (1)) one LEFT JOIN LATERAL (
  SELECT k.tableoid{columns} FROM {only}{name} k WHERE {condition} LIMIT 2) r ON true)",
                     fmt::arg("version", kVersion), fmt::arg("oid", question.relation.value),
                     fmt::arg("is_visible", IsVisible(question)), fmt::arg("columns", columns),
                     fmt::arg("only", table.is_partitioned ? "" : "ONLY "),
                     fmt::arg("name", table.name), fmt::arg("condition", condition));
}

std::optional<ReadRow> RowLookup::Select(const RowQuestion& question, const Description& table,
                                         bool* is_outdated, bool* is_visible) {
  *is_visible = true;
  if (table.name.empty()) return ReadRow{};
  const std::string sql = SelectSql(question, table);
  // The table may have got the key back since.
  *is_outdated = sql.empty();
  if (sql.empty()) return ReadRow{};
  const PgResult found = connection_->Query(
      sql, OptionsFor(question, fmt::format("GRANT SELECT ON TABLE {} TO {};", table.name,
                                            QuoteIdentifier(connection_->role()))));
  *is_outdated = found.Text(0, 0) != table.version;
  *is_visible = found.Bool(0, 1);
  if (*is_outdated || !*is_visible) return std::nullopt;
  // None has this key, or, where what identifies rows has changed, several have.
  if (found.rows() != 1 || found.IsNull(0, 2)) return ReadRow{};
  // A schema may have been renamed between the table's lock and the snapshot.
  if (!table.is_partitioned && found.Int(0, 2) != question.relation.value) return ReadRow{};
  ReadRow row;
  for (size_t i = 0; i < question.columns.size(); ++i) {
    const Column* const column = table.Find(question.columns[i]);
    const bool is_same = column != nullptr && column->typmod == question.columns[i].typmod;
    row.push_back(is_same ? ValueAt(found, static_cast<int>(i) + 3) : std::nullopt);
  }
  return row;
}

std::optional<ReadRow> RowLookup::Find(const RowQuestion& question) {
  if (is_standby_ && !IsReplayed(question.commit_lsn)) return std::nullopt;
  const auto known = tables_.find(question.relation.value);
  bool is_outdated = true;
  bool is_visible = true;
  if (known != tables_.end()) {
    const std::string version = known->second.version;
    try {
      std::optional<ReadRow> row = Select(question, known->second, &is_outdated, &is_visible);
      if (!is_outdated) return is_visible ? row : std::nullopt;
    } catch (const Error&) {
      // An old name is an error, too.
      if (!connection_->is_connected() || Describe(question).version == version) throw;
    }
  }
  const Description& table = tables_[question.relation.value] = Describe(question);
  std::optional<ReadRow> row = Select(question, table, &is_outdated, &is_visible);
  if (!is_visible) return std::nullopt;
  return row ? std::move(row) : ReadRow{};  // Altered twice meanwhile: not this time.
}

}  // namespace bw
