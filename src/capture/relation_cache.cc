#include "capture/relation_cache.h"

#include <algorithm>
#include <set>

#include "avro/postgres_type_name.h"

namespace bw {
namespace {

bool SameColumn(const Column& left, const Column& right) {
  return left.name == right.name && left.type_oid == right.type_oid &&
         left.typmod == right.typmod && left.type_name == right.type_name &&
         left.type == right.type && left.enum_labels == right.enum_labels &&
         left.key == right.key && left.facts == right.facts && left.comment == right.comment;
}

}  // namespace

bool SameForm(const Table& left, const Table& right) {
  return left.schema == right.schema && left.name == right.name && left.comment == right.comment &&
         std::equal(left.columns.begin(), left.columns.end(), right.columns.begin(),
                    right.columns.end(), SameColumn);
}

void RelationCache::AddType(const TypeMessage& type) {
  TypeName told{encoder_options_.encoding.Decode(type.name)};
  if (type.schema == "pg_catalog") told.builtin_base = BuiltinTypeOid(type.name);
  type_names_.insert_or_assign(type.oid, std::move(told));
}

// Of a domain that was dropped, the Type message still tells a base type that is built in, though
// not its modifier.
std::optional<UserType> RelationCache::FindType(const UserTypes& types, uint32_t oid) const {
  if (const auto found = types.find(oid); found != types.end()) return found->second;
  const auto told = type_names_.find(oid);
  if (told == type_names_.end() || told->second.builtin_base == 0) return std::nullopt;
  UserType domain;
  domain.base_oid = told->second.builtin_base;
  return domain;
}

UserTypes RelationCache::SetTypes(uint32_t xid, Table* table) const {
  std::set<uint32_t> oids;
  for (const Column& column : table->columns) {
    if (IsUserTypeOid(column.type_oid)) oids.insert(column.type_oid);
  }
  UserTypes types;
  if (type_lookup_ && !oids.empty()) types = type_lookup_({oids.begin(), oids.end()}, xid);
  const UserTypeLookup lookup = [&](uint32_t oid) { return FindType(types, oid); };
  for (Column& column : table->columns) SetColumnType(type_forms_, lookup, &column);
  return types;
}

KeyCertainty RelationCache::MarkKey(RelationId id, ReplicaIdentity identity, Table* table) const {
  const auto [key, certainty] = key_lookup_(id, *table, identity);
  size_t marked = 0;
  for (Column& column : table->columns) {
    column.key = std::find(key.begin(), key.end(), column.name) != key.end();
    marked += column.key ? 1 : 0;
  }
  if (marked == key.size()) return certainty;
  // A part of a key is not a key.
  for (Column& column : table->columns) column.key = false;
  return KeyCertainty::kUnknown;
}

Table RelationCache::Describe(const RelationMessage& relation) const {
  Table table;
  const TextEncoding& encoding = encoder_options_.encoding;
  table.schema = encoding.Decode(relation.schema);
  table.name = encoding.Decode(relation.name);
  table.text_as_bytes = encoder_options_.text_as_bytes();
  table.with_docs = catalog_.with_docs;
  table.columns.reserve(relation.columns.size());
  for (const RelationColumn& from : relation.columns) {
    Column column;
    column.name = encoding.Decode(from.name);
    column.type_oid = from.type_oid;
    column.typmod = from.typmod;
    const auto type = type_names_.find(from.type_oid);
    column.type_name = PostgresTypeName(from.type_oid, from.typmod,
                                        type == type_names_.end() ? "" : type->second.name);
    column.key = from.key;
    table.columns.push_back(std::move(column));
  }
  return table;
}

bool RelationCache::AddRelation(const RelationMessage& relation, uint32_t xid) {
  Table table = Describe(relation);
  const bool selected = filter_.Selects(table);
  KeyCertainty certainty = KeyCertainty::kKnown;
  const bool has_marks = std::ranges::any_of(table.columns, &Column::key);
  if (selected && (has_marks || relation.identity == ReplicaIdentity::kFull)) {
    certainty = MarkKey(relation.id, relation.identity, &table);
  }
  UserTypes types;
  if (selected) types = SetTypes(xid, &table);
  if (selected && catalog_.facts) catalog_.facts(relation.id, xid, &table);
  const auto known = relations_.find(relation.id.value);
  if (known != relations_.end()) {
    if (known->second.identity == relation.identity && known->second.key_certainty == certainty &&
        SameForm(known->second.table, table)) {
      return false;
    }
    relations_.erase(known);
  }
  relations_.try_emplace(relation.id.value, relation.id, std::move(table), std::move(types),
                         relation.identity, certainty, selected, encoder_options_,
                         selected ? catalog_.envelope : std::nullopt);
  return true;
}

CachedRelation* RelationCache::Find(RelationId id) {
  const auto found = relations_.find(id.value);
  return found == relations_.end() ? nullptr : &found->second;
}

}  // namespace bw
