#include "capture/full_key.h"

#include <algorithm>

#include "avro/schema_builder.h"

namespace bw {
namespace {

using Columns = std::vector<TableKey::Column>;
using Names = std::vector<std::string>;

// The key's columns still have their names and types.
std::optional<Names> MapByName(const TableKey& from, const Columns& to) {
  Names names;
  for (const TableKey::Column& column : to) {
    const bool was_key = std::ranges::find(from.key, column.name) != from.key.end() &&
                         std::ranges::find(from.columns, column) != from.columns.end();
    if (was_key) names.push_back(column.name);
  }
  if (names.size() != from.key.size()) return std::nullopt;
  return names;
}

// Columns were only renamed: their number and types are the same.
std::optional<Names> MapByPlace(const TableKey& from, const Columns& to) {
  if (!std::ranges::equal(from.columns, to, {}, &TableKey::Column::type_oid,
                          &TableKey::Column::type_oid)) {
    return std::nullopt;
  }
  Names names;
  for (size_t i = 0; i < to.size(); ++i) {
    if (std::ranges::find(from.key, from.columns[i].name) != from.key.end()) {
      names.push_back(to[i].name);
    }
  }
  return names;
}

// The key of one form of a table, expressed in another form of it.
std::optional<FullKey> Map(const TableKey& from, const Columns& to) {
  const std::optional<Names> by_name = MapByName(from, to);
  const std::optional<Names> by_place = MapByPlace(from, to);
  if (by_place) {
    return FullKey{*by_place, by_place == by_name ? KeyCertainty::kKnown : KeyCertainty::kGuessed};
  }
  if (by_name) return FullKey{*by_name, KeyCertainty::kKnown};
  return std::nullopt;
}

// Whether the current key consists of the marked columns and others that the relation lacks.
bool IsPartOf(const TableKey& marked, const IdentityKey& current) {
  size_t sent = 0;
  for (const std::string& column : current.columns) {
    if (std::ranges::find(marked.key, column) != marked.key.end()) {
      ++sent;
    } else if (std::ranges::find(marked.columns, column, &TableKey::Column::name) !=
               marked.columns.end()) {
      return false;
    }
  }
  return sent == marked.key.size() && sent < current.columns.size();
}

}  // namespace

FullKey ChooseFullKey(const Columns& relation, const std::optional<TableKey>& kept_key,
                      const std::function<std::optional<TableKey>()>& read_current) {
  const TableKey* kept = kept_key && kept_key->is_primary ? &*kept_key : nullptr;
  if (kept && kept->columns == relation) return {kept->key, KeyCertainty::kKnown};
  const std::optional<TableKey> current = read_current();
  if (current && current->columns == relation) return {current->key, KeyCertainty::kKnown};
  if (kept) {
    if (const std::optional<FullKey> mapped = Map(*kept, relation)) return *mapped;
  }
  if (current) {
    if (const std::optional<FullKey> mapped = Map(*current, relation)) {
      return {mapped->columns, KeyCertainty::kGuessed};
    }
  }
  return {{}, KeyCertainty::kUnknown};
}

std::vector<std::string> ChooseMarkedKey(const TableKey& marked,
                                         const std::optional<TableKey>& kept,
                                         const std::optional<IdentityKey>& current) {
  if (current && current->has_generated) return {};
  if (current && current->columns == marked.key) return marked.key;
  if (kept && kept->columns == marked.columns) {
    if (kept->key == marked.key) return marked.key;
    if (kept->key.empty() && current && current->table_has_generated) return {};
  }
  return current && IsPartOf(marked, *current) ? Names() : marked.key;
}

bool IsOtherKey(const TableKey& kept, const TableKey& current) {
  if (kept.columns == current.columns) return kept.key != current.key;
  const bool is_comparable = std::ranges::all_of(current.key, [&](const std::string& name) {
    return std::ranges::find(kept.columns, name, &TableKey::Column::name) != kept.columns.end();
  });
  if (!is_comparable) return false;
  const std::optional<FullKey> mapped = Map(kept, current.columns);
  return !mapped || mapped->columns != current.key;
}

std::vector<TableKey::Column> KeyColumnsOf(const Table& table) {
  Columns columns;
  for (const Column& column : table.columns) columns.push_back({column.name, column.type_oid});
  return columns;
}

TableKey TableKeyOf(uint32_t relation, const Table& table, ReplicaIdentity identity) {
  TableKey key = KeyFormOf(relation, table);
  key.schema = BuildKeySchema(table);
  key.is_primary = identity == ReplicaIdentity::kDefault || identity == ReplicaIdentity::kFull;
  return key;
}

TableKey KeyFormOf(uint32_t relation, const Table& table) {
  TableKey key;
  key.relation = relation;
  key.table = {table.schema, table.name};
  key.columns = KeyColumnsOf(table);
  for (const Column& column : table.columns) {
    if (column.key) key.key.push_back(column.name);
  }
  return key;
}

}  // namespace bw
