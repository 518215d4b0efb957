#include "avro/compiled_schema.h"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "avro/decimal_text.h"
#include "base/halt.h"

namespace bw {
namespace {

using Json = nlohmann::json;

[[noreturn]] void Fail(const std::string& problem) {
  throw UnexpectedHalt("a stored Avro schema is not one of ours: " + problem);
}

const std::string& StringAt(const Json& object, const char* property) {
  const auto found = object.find(property);
  if (found == object.end() || !found->is_string()) {
    Fail(std::string("no text under \"") + property + "\"");
  }
  return found->get_ref<const std::string&>();
}

int32_t IntAt(const Json& object, const char* property) {
  const auto found = object.find(property);
  if (found == object.end() || !found->is_number_integer()) {
    Fail(std::string("no number under \"") + property + "\"");
  }
  const auto number = found->get<int64_t>();
  if (number < 0 || number > kDecimalDigitsMax) Fail("a decimal of a size that is not supported");
  return static_cast<int32_t>(number);
}

// With or without a modifier.
bool IsOfType(std::string_view postgresql_type, std::string_view name) {
  if (postgresql_type == name) return true;
  return postgresql_type.starts_with(name) && postgresql_type.ends_with(')') &&
         postgresql_type[name.size()] == '(';
}

ValueKind KindOfAvroType(const std::string& primitive, const std::string& logical_type,
                         std::string_view postgresql_type) {
  const bool json = IsOfType(postgresql_type, "json") || IsOfType(postgresql_type, "jsonb");
  if (json && primitive == "string") return ValueKind::kJson;
  if (IsOfType(postgresql_type, "numeric") && primitive == "string") return ValueKind::kNumeric;
  // Where several kinds share an Avro type, one of them stands for all.
  for (const ValueKind kind :
       {ValueKind::kString, ValueKind::kInt, ValueKind::kLong, ValueKind::kBoolean,
        ValueKind::kFloat, ValueKind::kDouble, ValueKind::kUuid, ValueKind::kBytes,
        ValueKind::kDecimal, ValueKind::kDate, ValueKind::kTime, ValueKind::kTimestamp,
        ValueKind::kTimestamptz, ValueKind::kTimeMillis, ValueKind::kTimestampMillis,
        ValueKind::kTimestamptzMillis}) {
    const AvroType type = AvroTypeOf(kind);
    if (type.primitive == primitive && type.logical_type == logical_type) return kind;
  }
  Fail("unknown type");
}

// The T of ["null", T].
const Json& OptionalType(const Json& object, const char* property) {
  const auto type = object.find(property);
  if (type == object.end() || !type->is_array() || type->size() != 2 || (*type)[0] != "null") {
    Fail("a field or an element is not a union of null and a type");
  }
  return (*type)[1];
}

ColumnType ParseEnum(const Json& json) {
  const auto symbols = json.find("symbols");
  if (symbols == json.end() || !symbols->is_array() || symbols->empty()) {
    Fail("an enum without symbols");
  }
  ColumnType type;
  type.kind = ValueKind::kEnum;
  for (const Json& symbol : *symbols) {
    if (!symbol.is_string()) Fail("a symbol that is no text");
    type.symbols.push_back(symbol.get<std::string>());
  }
  return type;
}

bool IsEnum(const Json& json) { return json.is_object() && StringAt(json, "type") == "enum"; }

ColumnType ParseScalar(const Json& json, std::string_view postgresql_type) {
  if (IsEnum(json)) return ParseEnum(json);
  const bool logical = json.is_object();
  if (!logical && !json.is_string()) Fail("unknown type");
  ColumnType type;
  type.kind = KindOfAvroType(logical ? StringAt(json, "type") : json.get<std::string>(),
                             logical ? StringAt(json, "logicalType") : "", postgresql_type);
  if (type.kind == ValueKind::kDecimal) {
    type.precision = IntAt(json, "precision");
    type.scale = IntAt(json, "scale");
    if (type.precision == 0 || type.scale > type.precision) Fail("a decimal that holds nothing");
  }
  return type;
}

ColumnType ParseType(const Json& json, std::string_view postgresql_type) {
  if (!json.is_object() || StringAt(json, "type") != "array") {
    return ParseScalar(json, postgresql_type);
  }
  if (postgresql_type.ends_with("[]")) postgresql_type.remove_suffix(2);
  ColumnType type = ParseScalar(OptionalType(json, "items"), postgresql_type);
  type.element = type.kind;
  type.kind = ValueKind::kArray;
  return type;
}

// "" for all that is no enum, and no array of one.
std::string EnumNameOf(const Json& type) {
  if (IsEnum(type)) return StringAt(type, "namespace") + "." + StringAt(type, "name");
  const bool is_array = type.is_object() && StringAt(type, "type") == "array";
  return is_array ? EnumNameOf(OptionalType(type, "items")) : "";
}

CompiledSchema::Field ParseField(const Json& json, const CompiledSchema::Field* before) {
  if (!json.is_object()) Fail("a field is not an object");
  const Json& type = OptionalType(json, "type");
  CompiledSchema::Field field;
  field.name = StringAt(json, "name");
  if (json.contains("postgresql_text_of")) {
    if (type != "string") Fail("a text beside that is no string");
    if (before == nullptr || before->is_text_beside ||
        before->name != StringAt(json, "postgresql_text_of")) {
      Fail("a text that is not beside its field");
    }
    field.postgresql_name = before->postgresql_name;
    field.is_text_beside = true;
    return field;
  }
  field.postgresql_name =
      json.contains("postgresql_name") ? StringAt(json, "postgresql_name") : field.name;
  // Of a domain over a type that shares its Avro type with text.
  const bool has_base = json.contains("postgresql_base_type");
  field.type =
      ParseType(type, StringAt(json, has_base ? "postgresql_base_type" : "postgresql_type"));
  field.enum_name = EnumNameOf(type);
  return field;
}

}  // namespace

CompiledSchema CompiledSchema::Parse(std::string_view json) {
  const Json record = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object() || StringAt(record, "type") != "record") Fail("not a record");
  const auto fields = record.find("fields");
  if (fields == record.end() || !fields->is_array()) Fail("a record without fields");
  CompiledSchema schema;
  for (const Json& json_field : *fields) {
    const Field* before = schema.fields_.empty() ? nullptr : &schema.fields_.back();
    Field field = ParseField(json_field, before);
    if (!field.is_text_beside) ++schema.column_count_;
    schema.fields_.push_back(std::move(field));
  }
  return schema;
}

}  // namespace bw
