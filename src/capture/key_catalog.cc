#include "capture/key_catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "avro/postgres_type_name.h"
#include "avro/table.h"
#include "capture/table_catalog.h"

namespace bw {
namespace {

// One row per column that the stream carries; for a table without columns, one row with a null. A
// deferrable primary key does not count: PostgreSQL does not use it as replica identity either.
std::string KeyQuery(RelationId relation) {
  return fmt::format(R"(
SELECT n.nspname, c.relname, a.attname, a.atttypid, a.atttypmod, {type_name},
  coalesce(a.attnum = ANY (k.attnums), false), coalesce(cardinality(k.attnums), 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
  SELECT (i.indkey::int2[])[0:i.indnkeyatts - 1] AS attnums FROM pg_index i
  WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate) k ON true
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attgenerated = ''
WHERE {publishable} AND c.oid = {relation}
ORDER BY a.attnum)",
                     fmt::arg("type_name", kTypeNameOfColumn),
                     fmt::arg("publishable", kPublishableTable),
                     fmt::arg("relation", relation.value));
}

// A part of a key is not a key: a generated column is not in the stream.
TableKey Finish(RelationId relation, Table table, int64_t key_columns) {
  const auto marked = std::ranges::count_if(table.columns, &Column::key);
  if (marked != key_columns) {
    for (Column& column : table.columns) column.key = false;
  }
  return TableKeyOf(relation.value, table);
}

}  // namespace

std::optional<TableKey> ReadPrimaryKey(PgConnection* connection, RelationId relation) {
  PgQueryOptions options;
  options.doing = "read a table's key from the catalog";
  const PgResult rows = connection->Query(KeyQuery(relation), options);
  if (rows.rows() == 0) return std::nullopt;
  Table table;
  table.schema = rows.String(0, 0);
  table.name = rows.String(0, 1);
  for (int row = 0; row < rows.rows() && !rows.IsNull(row, 2); ++row) {
    Column column;
    column.name = rows.String(row, 2);
    column.type_oid = static_cast<uint32_t>(rows.Int(row, 3));
    column.typmod = static_cast<int32_t>(rows.Int(row, 4));
    column.type_name = PostgresTypeName(column.type_oid, column.typmod, rows.Text(row, 5));
    column.key = rows.Bool(row, 6);
    table.columns.push_back(std::move(column));
  }
  return Finish(relation, std::move(table), rows.Int(0, 7));
}

std::optional<IdentityKey> ReadIdentityKey(PgConnection* connection, RelationId relation) {
  PgQueryOptions options;
  options.doing = "read a table's replica identity from the catalog";
  const PgResult rows = connection->Query(fmt::format(R"(
SELECT a.attname, a.attgenerated <> '', EXISTS (
  SELECT FROM pg_attribute g WHERE g.attrelid = c.oid AND g.attgenerated <> '' AND NOT g.attisdropped)
FROM pg_class c LEFT JOIN LATERAL ({}) k ON true
LEFT JOIN pg_attribute a ON a.attrelid = c.oid
  AND a.attnum = ANY ((k.indkey::int2[])[0:k.indnkeyatts - 1])
WHERE c.oid = {} ORDER BY a.attnum)",
                                                      kKeyIndex, relation.value),
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
