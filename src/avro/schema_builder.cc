#include "avro/schema_builder.h"

#include <avro.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "avro/name.h"
#include "avro/postgres_type_name.h"
#include "avro/value_kind.h"
#include "base/error.h"
#include "base/log.h"

namespace bw {
namespace {

using Json = nlohmann::ordered_json;

// Of a field's enum: what else has a name within a record.
struct EnumName {
  std::string name_space;  // The record's.
  std::string name;
};

// The type of a value that is no array.
Json ScalarJson(ValueKind kind, const ColumnType& type, const EnumName& enum_name) {
  if (kind == ValueKind::kEnum) {
    return {{"type", "enum"},
            {"name", enum_name.name},
            {"namespace", enum_name.name_space},
            {"symbols", type.symbols}};
  }
  const AvroType avro = AvroTypeOf(kind);
  if (avro.logical_type.empty()) return Json(avro.primitive);
  Json json{{"type", avro.primitive}, {"logicalType", avro.logical_type}};
  if (kind == ValueKind::kDecimal) {
    json["precision"] = type.precision;
    json["scale"] = type.scale;
  }
  return json;
}

Json TypeJson(const ColumnType& type, bool text_as_bytes, const EnumName& enum_name) {
  if (type.kind == ValueKind::kArray) {
    return {{"type", "array"},
            {"items", Json::array({"null", ScalarJson(type.element, type, enum_name)})}};
  }
  const bool is_text = type.kind == ValueKind::kString || type.kind == ValueKind::kJson;
  return ScalarJson(is_text && text_as_bytes ? ValueKind::kBytes : type.kind, type, enum_name);
}

// The built-in type below a user's that is an Avro string as text is, but means something else to
// readers; "" for all others.
std::string BaseTypeName(const Column& column) {
  if (!IsUserTypeOid(column.type_oid)) return "";
  const bool is_array = column.type.kind == ValueKind::kArray;
  switch (is_array ? column.type.element : column.type.kind) {
    case ValueKind::kJson:
      return is_array ? "json[]" : "json";
    case ValueKind::kNumeric:
      return is_array ? "numeric[]" : "numeric";
    default:
      return "";
  }
}

Json FieldJson(const Column& column, const EnumName& enum_name, const std::string& field_name,
               bool text_as_bytes, bool is_in_key, bool with_doc) {
  Json field;
  field["name"] = field_name;
  const ColumnType type = FieldType(column.type, text_as_bytes);
  field["type"] = Json::array({"null", TypeJson(type, text_as_bytes, enum_name)});
  field["default"] = nullptr;
  field["postgresql_type"] = column.type_name;
  if (std::string base = BaseTypeName(column); !base.empty()) {
    field["postgresql_base_type"] = std::move(base);
  }
  // Not in a key, whose bytes begin with its schema's id: a new label must not make another key.
  if (!column.enum_labels.empty() && !is_in_key) field["postgresql_enum"] = column.enum_labels;
  if (field_name != column.name) field["postgresql_name"] = column.name;
  if (with_doc && column.comment) field["doc"] = *column.comment;
  return field;
}

Json TextFieldJson(const std::string& text_name, const std::string& field_name) {
  Json field;
  field["name"] = text_name;
  field["type"] = Json::array({"null", "string"});
  field["default"] = nullptr;
  field["postgresql_text_of"] = field_name;
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

std::string BuildSchema(const Table& table, bool key_only, RowForm form) {
  const std::vector<std::string> names = FieldNames(table);
  const std::vector<std::string> text_names = TextFieldNames(table, names, key_only);
  const std::string name = AvroSafeName(table.name);
  const std::string name_space = AvroNamespace(table.schema);
  const bool with_docs = table.with_docs && !key_only;
  Json fields = Json::array();
  for (size_t i = 0; i < names.size(); ++i) {
    const Column& column = table.columns[i];
    if (key_only && !column.key) continue;
    const EnumName enum_name{name_space, name + "__" + names[i] + "__enum"};
    fields.push_back(
        FieldJson(column, enum_name, names[i], table.text_as_bytes, key_only, with_docs));
    if (HasTextBeside(FieldType(column.type, table.text_as_bytes), column.key, form)) {
      fields.push_back(TextFieldJson(text_names[i], names[i]));
    }
  }
  Json record;
  record["type"] = "record";
  record["name"] = name;
  record["namespace"] = name_space;
  if (with_docs && table.comment) record["doc"] = *table.comment;
  record["fields"] = std::move(fields);
  std::string text = record.dump(-1, ' ', false, Json::error_handler_t::replace);
  CheckAvroSchema(text, table);
  return text;
}

}  // namespace

std::string BuildValueSchema(const Table& table, RowForm form) {
  return BuildSchema(table, /*key_only=*/false, form);
}

std::optional<std::string> BuildKeySchema(const Table& table, RowForm form) {
  const bool keyed = std::any_of(table.columns.begin(), table.columns.end(),
                                 [](const Column& column) { return column.key; });
  if (!keyed) return std::nullopt;
  return BuildSchema(table, /*key_only=*/true, form);
}

}  // namespace bw
