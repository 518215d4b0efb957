#include "capture/table_catalog.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libpq-fe.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "avro/postgres_type_name.h"
#include "capture/generated_columns.h"
#include "capture/leaf_identity.h"
#include "capture/sql_text.h"
#include "capture/type_catalog.h"

namespace bw {
namespace {

// SQL, for a pg_attribute a: what PostgresTypeName() needs for a user-defined type, else null. A
// domain has its base type's name, as in pgoutput's Type message.
constexpr const char* kTypeNameOfColumn = R"(
  CASE WHEN a.atttypid >= 10000 THEN (
    WITH RECURSIVE base(oid, typname, typtype, typbasetype) AS (
      SELECT oid, typname, typtype, typbasetype FROM pg_type WHERE oid = a.atttypid
      UNION ALL
      SELECT b.oid, b.typname, b.typtype, b.typbasetype
      FROM base JOIN pg_type b ON base.typtype = 'd' AND b.oid = base.typbasetype)
    SELECT typname FROM base WHERE typtype <> 'd') END)";

// SQL, for a pg_class c: the index that identifies rows (indexrelid, indkey, key_size), as
// RelationGetIndexList() in the server's relcache.c chooses it: a deferrable primary key does not
// count. With FULL, ours is the primary key.
std::string KeyIndex(const CatalogTerms& terms) {
  return fmt::format(R"(
  SELECT i.indexrelid, i.indkey, {} AS key_size FROM pg_index i
  WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate AND i.indisunique
    AND i.indpred IS NULL
    AND CASE c.relreplident WHEN 'i' THEN i.indisreplident WHEN 'n' THEN false
        ELSE i.indisprimary END
  LIMIT 1)",
                     terms.key_size);
}

// For a table t: a unique index over plain NOT NULL columns, as REPLICA IDENTITY USING INDEX
// accepts, all of which PostgreSQL sends.
std::string CandidateIndex(const CatalogTerms& terms) {
  return fmt::format(R"(
  SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
  WHERE i.indrelid = t.oid AND i.indisvalid AND i.indimmediate AND i.indisunique
    AND i.indpred IS NULL AND i.indexprs IS NULL
    AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid
                    AND a.attnum = ANY (i.indkey) AND (NOT a.attnotnull OR {generated} <> ''))
  ORDER BY {key_size}, x.relname LIMIT 1)",
                     fmt::arg("generated", terms.generated), fmt::arg("key_size", terms.key_size));
}

// Everything here is read from catalog rows: a function that opens the table, such as
// pg_table_size() or pg_partition_tree(), would wait for its locks. The functions used here ask the
// current system caches, which return null for a table that was dropped in the meantime.
std::string TablesQuery(const CatalogTerms& terms) {
  return fmt::format(R"(
WITH RECURSIVE member(oid, root) AS (
  SELECT c.oid, c.oid FROM pg_class c WHERE c.relkind = 'p' AND NOT c.relispartition
  UNION ALL
  SELECT i.inhrelid, m.root FROM member m JOIN pg_inherits i ON i.inhparent = m.oid),
t AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind = 'p' AS partitioned, c.relreplident,
    CASE WHEN c.relispartition THEN m.root END AS root,
    k.indexrelid, (SELECT x.relname FROM pg_class x WHERE x.oid = k.indexrelid) AS key_index,
    (SELECT string_agg(u.attnum::text, ' ')
     FROM unnest(k.indkey::int2[]) WITH ORDINALITY u(attnum, n)
     WHERE u.n <= k.key_size) AS key_columns,
    g.columns AS generated_key_columns,
    c.relreplident = 'f' OR k.indexrelid IS NOT NULL AND g.columns IS NULL AS identity,
    has_table_privilege(c.oid, 'SELECT') AS may_select,
    has_schema_privilege(n.oid, 'USAGE') AS may_use_schema,
    row_security_active(c.oid) AS row_security,
    c.relforcerowsecurity AND pg_has_role(c.relowner, 'USAGE') AS row_security_forced,
    c.reltuples::int8 AS row_count,
    (c.relpages + coalesce((SELECT x.relpages FROM pg_class x WHERE x.oid = c.reltoastrelid), 0))
      * current_setting('block_size')::int8 AS bytes
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN member m ON m.oid = c.oid
  LEFT JOIN LATERAL ({key}) k ON true
  LEFT JOIN LATERAL (
    SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns FROM pg_attrdef d
    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE d.adrelid = c.oid AND {generated} <> ''
      AND d.adnum = ANY ((k.indkey::int2[])[0:k.key_size - 1])) g ON true
  WHERE {publishable})
SELECT t.oid, nspname, relname, partitioned, relreplident, coalesce(root, 0),
  coalesce(key_index, ''), coalesce(key_columns, ''),
  identity AND NOT (partitioned AND EXISTS (
    SELECT FROM t leaf WHERE leaf.root = coalesce(t.root, t.oid) AND NOT leaf.partitioned
      AND NOT leaf.identity)),
  CASE WHEN identity AND relreplident <> 'f' THEN '' ELSE coalesce(({candidate}), '') END,
  coalesce(may_select, true), coalesce(row_security, false),
  CASE WHEN NOT partitioned THEN row_count
       ELSE (SELECT sum(greatest(leaf.row_count, 0)) FROM t leaf WHERE leaf.root = t.oid) END,
  CASE WHEN NOT partitioned THEN bytes
       ELSE (SELECT coalesce(sum(leaf.bytes), 0) FROM t leaf WHERE leaf.root = t.oid) END,
  coalesce(generated_key_columns, ''), coalesce(row_security_forced, false),
  coalesce(may_use_schema, true)
FROM t ORDER BY nspname, relname)",
                     fmt::arg("candidate", CandidateIndex(terms)), fmt::arg("key", KeyIndex(terms)),
                     fmt::arg("generated", terms.generated),
                     fmt::arg("publishable", kPublishableTable));
}

std::string ColumnsQuery(const CatalogTerms& terms) {
  return fmt::format(R"(
SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, {}, {}
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE {} AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum)",
                     kTypeNameOfColumn, terms.generated, kPublishableTable);
}

bool HoldsNumber(std::string_view numbers, std::string_view number) {
  while (!numbers.empty()) {
    const size_t space = numbers.find(' ');
    if (numbers.substr(0, space) == number) return true;
    if (space == std::string_view::npos) break;
    numbers.remove_prefix(space + 1);
  }
  return false;
}

// From a result's columns 2 to 5: name, type, modifier, and kTypeNameOfColumn.
Column ReadColumn(const PgResult& rows, int row) {
  Column column;
  column.name = rows.String(row, 2);
  column.type_oid = static_cast<uint32_t>(rows.Int(row, 3));
  column.typmod = static_cast<int32_t>(rows.Int(row, 4));
  column.type_name = PostgresTypeName(column.type_oid, column.typmod, rows.Text(row, 5));
  return column;
}

// One row per column that the stream carries; for a table without columns, one row with a null. A
// deferrable primary key does not count: PostgreSQL does not use it as replica identity either.
std::string KeyQuery(const CatalogTerms& terms, RelationId relation) {
  return fmt::format(R"(
SELECT n.nspname, c.relname, a.attname, a.atttypid, a.atttypmod, {type_name},
  coalesce(a.attnum = ANY (k.attnums), false), coalesce(cardinality(k.attnums), 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
  SELECT (i.indkey::int2[])[0:{key_size} - 1] AS attnums FROM pg_index i
  WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate) k ON true
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  AND {generated} = ''
WHERE {publishable} AND c.oid = {relation}
ORDER BY a.attnum)",
                     fmt::arg("type_name", kTypeNameOfColumn),
                     fmt::arg("generated", terms.generated), fmt::arg("key_size", terms.key_size),
                     fmt::arg("publishable", kPublishableTable),
                     fmt::arg("relation", relation.value));
}

// A part of a key is not a key: a generated column is not in the stream.
TableKey Finish(RelationId relation, Table table, int64_t key_columns) {
  const auto marked = std::ranges::count_if(table.columns, &Column::key);
  if (marked != key_columns) {
    for (Column& column : table.columns) column.key = false;
  }
  return KeyFormOf(relation.value, table);
}

// What a row of TablesQuery() says, but for the key columns.
CapturedTable ReadTable(const PgResult& tables, int row) {
  CapturedTable table;
  table.oid = static_cast<uint32_t>(tables.Int(row, 0));
  table.table.schema = tables.String(row, 1);
  table.table.name = tables.String(row, 2);
  table.partitioned = tables.Bool(row, 3);
  table.identity = static_cast<ReplicaIdentity>(tables.String(row, 4).at(0));
  table.root_oid = static_cast<uint32_t>(tables.Int(row, 5));
  table.generated_key_columns = tables.String(row, 14);
  // A part of a key is not a key.
  if (table.generated_key_columns.empty()) table.key_index = tables.String(row, 6);
  table.has_identity = tables.Bool(row, 8);
  table.candidate_index = tables.String(row, 9);
  table.may_select = tables.Bool(row, 10);
  table.row_security = tables.Bool(row, 11);
  table.row_security_forced = tables.Bool(row, 15);
  table.may_use_schema = tables.Bool(row, 16);
  table.rows_estimate = tables.IsNull(row, 12) ? -1 : tables.Int(row, 12);
  table.bytes = tables.Int(row, 13);
  return table;
}

// A row of ColumnsQuery().
void AddColumn(const PgResult& columns, int row, std::string_view key_columns,
               CapturedTable* table) {
  Column column = ReadColumn(columns, row);
  const std::string_view generated = columns.Text(row, 6);
  if (generated.empty()) {
    column.key = HoldsNumber(key_columns, columns.Text(row, 1));
    table->table.columns.push_back(std::move(column));
  } else if (generated == "s") {
    table->generated_columns.push_back({std::move(column), table->table.columns.size()});
  } else {
    table->has_virtual_columns = true;
  }
}

template <class Visit>
void ForEachColumn(CapturedTable* table, const Visit& visit) {
  for (Column& column : table->table.columns) visit(&column);
  for (GeneratedColumn& generated : table->generated_columns) visit(&generated.column);
}

// Sets the columns' types, with one query for the types of all tables.
void DescribeTypes(PgConnection* connection, const TypeForms& forms,
                   std::vector<CapturedTable>* tables) {
  std::set<uint32_t> oids;
  for (CapturedTable& table : *tables) {
    ForEachColumn(&table, [&](const Column* column) {
      if (IsUserTypeOid(column->type_oid)) oids.insert(column->type_oid);
    });
  }
  const UserTypes types = ReadUserTypes(connection, {oids.begin(), oids.end()});
  const UserTypeLookup lookup = LookupIn(types);
  for (CapturedTable& table : *tables) {
    ForEachColumn(&table, [&](Column* column) {
      SetColumnType(forms, lookup, column);
      AddUsedTypes(column->type_oid, types, &table.user_types);
    });
  }
}

// Registries refuse schemas of megabytes, and then nothing of the table can be published.
constexpr const char* kComment = "left(d.description, 2000)";

std::string CommentsQuery(const std::vector<uint32_t>& oids, const std::string& wanted) {
  return fmt::format(R"(
SELECT {} FROM pg_description d
LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
  AND d.objsubid > 0 AND NOT a.attisdropped
WHERE d.classoid = 'pg_class'::regclass AND d.objoid = ANY ('{{{}}}'::oid[])
  AND (d.objsubid = 0 OR a.attname IS NOT NULL))",
                     wanted, fmt::join(oids, ","));
}

// Whether no comment has a character that the session's encoding lacks, such as some of EUC_JP's:
// else the server refuses the whole answer. A snapshot's transaction is not lost by asking.
bool CanBeSent(PgConnection* connection, const std::vector<uint32_t>& oids) {
  PgQueryOptions options;
  options.doing = "read comments from the catalog";
  const bool in_transaction = PQtransactionStatus(connection->handle()) == PQTRANS_INTRANS;
  if (in_transaction) connection->Query("SAVEPOINT comments", options);
  const std::string converted =
      fmt::format("count(convert_to({}, pg_client_encoding()))", kComment);
  const bool can = connection->Try(CommentsQuery(oids, converted), options, {"22P05"}).empty();
  if (in_transaction && !can) connection->Query("ROLLBACK TO SAVEPOINT comments", options);
  if (in_transaction) connection->Query("RELEASE SAVEPOINT comments", options);
  return can;
}

void AddComments(PgConnection* connection, const std::vector<uint32_t>& oids,
                 CommentsByTable* comments) {
  PgQueryOptions options;
  options.doing = "read comments from the catalog";
  const PgResult rows = connection->Query(
      CommentsQuery(oids, fmt::format("d.objoid, a.attname, {}", kComment)), options);
  for (int row = 0; row < rows.rows(); ++row) {
    TableComments& table = (*comments)[static_cast<uint32_t>(rows.Int(row, 0))];
    if (rows.IsNull(row, 1)) {
      table.of_table = rows.String(row, 2);
    } else {
      table.of_columns[rows.String(row, 1)] = rows.String(row, 2);
    }
  }
}

}  // namespace

std::vector<CapturedTable> ReadTables(PgConnection* connection, const TypeForms& forms) {
  PgQueryOptions options;
  options.doing = "read the tables from the catalog";
  const CatalogTerms terms(connection->server_version());
  const PgResult tables = connection->Query(TablesQuery(terms), options);
  std::vector<CapturedTable> result;
  std::vector<std::string> key_columns;
  std::unordered_map<uint32_t, size_t> by_oid;
  for (int row = 0; row < tables.rows(); ++row) {
    CapturedTable table = ReadTable(tables, row);
    key_columns.push_back(table.keyed() ? tables.String(row, 7) : "");
    by_oid.emplace(table.oid, result.size());
    result.push_back(std::move(table));
  }

  const PgResult columns = connection->Query(ColumnsQuery(terms), options);
  for (int row = 0; row < columns.rows(); ++row) {
    // Outside a snapshot, the two statements see different catalogs: a table may be new.
    const auto found = by_oid.find(static_cast<uint32_t>(columns.Int(row, 0)));
    if (found == by_oid.end()) continue;
    AddColumn(columns, row, key_columns[found->second], &result[found->second]);
  }
  DescribeTypes(connection, forms, &result);
  if (connection->server_version() >= kFirstToRefuseGenerated) RefuseFullIdentities(&result);
  CompareLeaves(&result);
  return result;
}

FactsByTable ReadColumnFacts(PgConnection* connection, const std::vector<uint32_t>& oids) {
  if (oids.empty()) return {};
  PgQueryOptions options;
  options.doing = "read columns from the catalog";
  const CatalogTerms terms(connection->server_version());
  // Without the table's OID: with it, pg_get_expr() would open the table and wait for its locks. A
  // default has no columns that it would have to name.
  const PgResult rows = connection->Query(
      fmt::format(R"(
SELECT a.attrelid, a.attname, a.attnotnull, pg_get_expr(d.adbin, 0),
  coalesce(array_position(k.attnums, a.attnum), 0)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND {generated} = ''
LEFT JOIN LATERAL (
  SELECT ARRAY(SELECT unnest(k.indkey::int2[])) AS attnums FROM ({key}) k) k ON true
WHERE a.attrelid = ANY ('{{{oids}}}'::oid[]) AND a.attnum > 0 AND NOT a.attisdropped)",
                  fmt::arg("generated", terms.generated), fmt::arg("key", KeyIndex(terms)),
                  fmt::arg("oids", fmt::join(oids, ","))),
      options);
  FactsByTable facts;
  for (int row = 0; row < rows.rows(); ++row) {
    ColumnFacts& column = facts[static_cast<uint32_t>(rows.Int(row, 0))][rows.String(row, 1)];
    column.not_null = rows.Bool(row, 2);
    if (!rows.IsNull(row, 3)) column.default_expression = rows.String(row, 3);
    column.key_place = static_cast<int32_t>(rows.Int(row, 4));
  }
  return facts;
}

void SetFacts(const FactsByTable& facts, uint32_t oid, Table* table) {
  const auto found = facts.find(oid);
  if (found == facts.end()) return;
  for (Column& column : table->columns) {
    const auto known = found->second.find(column.name);
    if (known != found->second.end()) column.facts = known->second;
  }
}

CommentsByTable ReadComments(PgConnection* connection, const std::vector<uint32_t>& oids) {
  CommentsByTable comments;
  if (oids.empty()) return comments;
  if (CanBeSent(connection, oids)) {
    AddComments(connection, oids, &comments);
    return comments;
  }
  for (const uint32_t oid : oids) {
    if (CanBeSent(connection, {oid})) {
      AddComments(connection, {oid}, &comments);
    } else {
      spdlog::warn(
          "A comment of the table with OID {} has a character that UTF-8 lacks: its schema has no "
          "comments",
          oid);
    }
  }
  return comments;
}

void SetComments(const CommentsByTable& comments, uint32_t oid, Table* table) {
  const auto found = comments.find(oid);
  if (found == comments.end()) return;
  table->comment = found->second.of_table;
  for (Column& column : table->columns) {
    const auto known = found->second.of_columns.find(column.name);
    if (known != found->second.of_columns.end()) column.comment = known->second;
  }
}

std::optional<TableKey> ReadPrimaryKey(PgConnection* connection, RelationId relation) {
  PgQueryOptions options;
  options.doing = "read a table's key from the catalog";
  const CatalogTerms terms(connection->server_version());
  const PgResult rows = connection->Query(KeyQuery(terms, relation), options);
  if (rows.rows() == 0) return std::nullopt;
  Table table;
  table.schema = rows.String(0, 0);
  table.name = rows.String(0, 1);
  for (int row = 0; row < rows.rows() && !rows.IsNull(row, 2); ++row) {
    Column column = ReadColumn(rows, row);
    column.key = rows.Bool(row, 6);
    table.columns.push_back(std::move(column));
  }
  return Finish(relation, std::move(table), rows.Int(0, 7));
}

std::optional<IdentityKey> ReadIdentityKey(PgConnection* connection, RelationId relation) {
  PgQueryOptions options;
  options.doing = "read a table's replica identity from the catalog";
  const CatalogTerms terms(connection->server_version());
  const PgResult rows = connection->Query(
      fmt::format(R"(
SELECT a.attname, {generated} <> '', EXISTS (
  SELECT FROM pg_attribute a
  WHERE a.attrelid = c.oid AND {generated} <> '' AND NOT a.attisdropped)
FROM pg_class c LEFT JOIN LATERAL ({key}) k ON true
LEFT JOIN pg_attribute a ON a.attrelid = c.oid
  AND a.attnum = ANY ((k.indkey::int2[])[0:k.key_size - 1])
WHERE c.oid = {relation} ORDER BY a.attnum)",
                  fmt::arg("generated", terms.generated), fmt::arg("key", KeyIndex(terms)),
                  fmt::arg("relation", relation.value)),
      options);
  if (rows.rows() == 0) return std::nullopt;
  IdentityKey key;
  key.table_has_generated = rows.Bool(0, 2);
  for (int row = 0; row < rows.rows() && !rows.IsNull(row, 0); ++row) {
    key.columns.push_back(rows.String(row, 0));
    key.has_generated = key.has_generated || rows.Bool(row, 1);
  }
  return key;
}

}  // namespace bw
