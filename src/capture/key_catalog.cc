#include "capture/key_catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "avro/postgres_type_name.h"
#include "avro/table.h"
#include "capture/full_key.h"
#include "capture/table_catalog.h"

namespace bw {
namespace {

// One row for each column that the stream carries, of a table without columns one with a null. A
// deferrable primary key identifies nothing: PostgreSQL does not use it either.
std::string KeysQuery(const std::string& which) {
  return fmt::format(R"(
SELECT c.oid, n.nspname, c.relname, a.attname, a.atttypid, a.atttypmod, {type_name},
  coalesce(a.attnum = ANY (k.attnums), false), coalesce(cardinality(k.attnums), 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
  SELECT (i.indkey::int2[])[0:i.indnkeyatts - 1] AS attnums FROM pg_index i
  WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate) k ON true
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attgenerated = ''
WHERE {publishable} AND {which}
ORDER BY c.oid, a.attnum)",
                     fmt::arg("type_name", kTypeNameOfColumn),
                     fmt::arg("publishable", kPublishableTable), fmt::arg("which", which));
}

// A part of a key is none: a generated column is not in the stream.
TableKey Finish(uint32_t relation, Table table, int64_t key_columns) {
  const auto marked = std::ranges::count_if(table.columns, &Column::key);
  if (marked != key_columns) {
    for (Column& column : table.columns) column.key = false;
  }
  return TableKeyOf(relation, table);
}

std::vector<TableKey> Read(PgConnection* connection, const std::string& which) {
  PgQueryOptions options;
  options.doing = "read the tables' keys from the catalog";
  const PgResult rows = connection->Query(KeysQuery(which), options);
  std::vector<TableKey> keys;
  Table table;
  for (int row = 0; row < rows.rows(); ++row) {
    const auto relation = static_cast<uint32_t>(rows.Int(row, 0));
    if (table.name.empty()) {
      table.schema = rows.String(row, 1);
      table.name = rows.String(row, 2);
    }
    if (!rows.IsNull(row, 3)) {
      Column column;
      column.name = rows.String(row, 3);
      column.type_oid = static_cast<uint32_t>(rows.Int(row, 4));
      column.typmod = static_cast<int32_t>(rows.Int(row, 5));
      column.type_name = PostgresTypeName(column.type_oid, column.typmod, rows.Text(row, 6));
      column.key = rows.Bool(row, 7);
      table.columns.push_back(std::move(column));
    }
    const bool is_last = row + 1 == rows.rows() || rows.Int(row + 1, 0) != relation;
    if (!is_last) continue;
    keys.push_back(Finish(relation, std::move(table), rows.Int(row, 8)));
    table = {};
  }
  return keys;
}

}  // namespace

std::vector<TableKey> ReadFullKeys(PgConnection* connection) {
  return Read(connection, "c.relreplident = 'f'");
}

std::optional<TableKey> ReadFullKey(PgConnection* connection, RelationId relation) {
  std::vector<TableKey> keys = Read(connection, fmt::format("c.oid = {}", relation.value));
  if (keys.empty()) return std::nullopt;
  return std::move(keys.front());
}

}  // namespace bw
