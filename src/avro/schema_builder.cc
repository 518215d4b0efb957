#include "avro/schema_builder.h"

#include <avro.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "avro/name.h"
#include "avro/value_kind.h"
#include "base/error.h"
#include "base/log.h"

namespace bw {
namespace {

using Json = nlohmann::ordered_json;

Json TypeJson(ValueKind kind) {
  const AvroType type = AvroTypeOf(kind);
  if (type.logical_type.empty()) return Json(type.primitive);
  return Json{{"type", type.primitive}, {"logicalType", type.logical_type}};
}

ValueKind KindInSchema(const Column& column, bool text_as_bytes) {
  const ValueKind kind = KindOfType(column.type_oid);
  const bool is_text = kind == ValueKind::kString || kind == ValueKind::kJson;
  return is_text && text_as_bytes ? ValueKind::kBytes : kind;
}

Json FieldJson(const Column& column, const std::string& field_name, bool text_as_bytes) {
  Json field;
  field["name"] = field_name;
  field["type"] = Json::array({"null", TypeJson(KindInSchema(column, text_as_bytes))});
  field["default"] = nullptr;
  field["postgresql_type"] = column.type_name;
  if (field_name != column.name) field["postgresql_name"] = column.name;
  return field;
}

// The only use of avro-c at run time.
void CheckAvroSchema(const std::string& json, const Table& table) {
  avro_schema_t schema = nullptr;
  if (avro_schema_from_json_length(json.data(), json.size(), &schema) != 0) {
    throw RowError("table " + Printable(table.schema + "." + table.name) +
                   " cannot be given an Avro schema: " + Printable(avro_strerror()));
  }
  avro_schema_decref(schema);
}

std::string BuildSchema(const Table& table, bool key_only) {
  const std::vector<std::string> names = FieldNames(table);
  Json fields = Json::array();
  for (size_t i = 0; i < names.size(); ++i) {
    if (key_only && !table.columns[i].key) continue;
    fields.push_back(FieldJson(table.columns[i], names[i], table.text_as_bytes));
  }
  Json record;
  record["type"] = "record";
  record["name"] = AvroSafeName(table.name);
  record["namespace"] = AvroNamespace(table.schema);
  record["fields"] = std::move(fields);
  std::string text = record.dump(-1, ' ', false, Json::error_handler_t::replace);
  CheckAvroSchema(text, table);
  return text;
}

}  // namespace

std::string BuildValueSchema(const Table& table) { return BuildSchema(table, false); }

std::optional<std::string> BuildKeySchema(const Table& table) {
  const bool keyed = std::any_of(table.columns.begin(), table.columns.end(),
                                 [](const Column& column) { return column.key; });
  if (!keyed) return std::nullopt;
  return BuildSchema(table, true);
}

}  // namespace bw
