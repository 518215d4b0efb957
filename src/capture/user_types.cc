#include "capture/user_types.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace bw {
namespace {

// typname and OID of pg_type.dat.
constexpr std::pair<std::string_view, uint32_t> kBuiltinTypes[] = {
    {"bool", 16},          {"bytea", 17},          {"int8", 20},       {"int2", 21},
    {"int4", 23},          {"text", 25},           {"oid", 26},        {"xid", 28},
    {"cid", 29},           {"json", 114},          {"_json", 199},     {"float4", 700},
    {"float8", 701},       {"_bool", 1000},        {"_bytea", 1001},   {"_int2", 1005},
    {"_int4", 1007},       {"_text", 1009},        {"_bpchar", 1014},  {"_varchar", 1015},
    {"_int8", 1016},       {"_float4", 1021},      {"_float8", 1022},  {"_oid", 1028},
    {"bpchar", 1042},      {"varchar", 1043},      {"date", 1082},     {"time", 1083},
    {"timestamp", 1114},   {"_timestamp", 1115},   {"_date", 1182},    {"_time", 1183},
    {"timestamptz", 1184}, {"_timestamptz", 1185}, {"_numeric", 1231}, {"numeric", 1700},
    {"uuid", 2950},        {"_uuid", 2951},        {"jsonb", 3802},    {"_jsonb", 3807},
};

}  // namespace

UserTypeLookup LookupIn(const UserTypes& types) {
  return [&types](uint32_t oid) -> std::optional<UserType> {
    const auto found = types.find(oid);
    if (found == types.end()) return std::nullopt;
    return found->second;
  };
}

void AddUsedTypes(uint32_t oid, const UserTypes& types, UserTypes* used) {
  const auto found = types.find(oid);
  if (found == types.end() || !used->insert(*found).second) return;
  AddUsedTypes(found->second.base_oid, types, used);
  AddUsedTypes(found->second.element_oid, types, used);
}

void SetColumnType(const TypeForms& forms, const UserTypeLookup& lookup, Column* column) {
  column->type =
      ColumnTypeOf(column->type_oid, column->typmod, column->key ? forms.OfKey() : forms, lookup);
  column->enum_labels = EnumLabelsOf(column->type_oid, lookup);
  column->resolved = Resolve(column->type_oid, column->typmod, lookup);
  column->element_labels = EnumLabelsOf(column->resolved.element_oid, lookup);
}

uint32_t BuiltinTypeOid(std::string_view typname) {
  const auto* found =
      std::ranges::find(kBuiltinTypes, typname, &std::pair<std::string_view, uint32_t>::first);
  return found == std::end(kBuiltinTypes) ? 0 : found->second;
}

TypeNote TypeNoteOf(uint32_t oid, const UserType& type) {
  return {oid, type.base_oid, type.base_typmod, type.element_oid, type.delimiter, type.labels};
}

UserType UserTypeOf(const TypeNote& note) {
  return {note.base_oid, note.base_typmod, note.element_oid, note.delimiter, note.labels};
}

}  // namespace bw
