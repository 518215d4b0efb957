#include "avro/compiled_schema.h"

#include <initializer_list>
#include <nlohmann/json.hpp>

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

ValueKind KindOfAvroType(const std::string& primitive, const std::string& logical_type,
                         const std::string& postgresql_type) {
  const bool json = postgresql_type == "json" || postgresql_type == "jsonb";
  if (json && primitive == "string") return ValueKind::kJson;
  const bool numeric = postgresql_type == "numeric" || postgresql_type.starts_with("numeric(");
  if (numeric && primitive == "string") return ValueKind::kNumeric;
  // Where several kinds share an Avro type, one of them stands for all.
  for (const ValueKind kind :
       {ValueKind::kString, ValueKind::kInt, ValueKind::kLong, ValueKind::kBoolean,
        ValueKind::kFloat, ValueKind::kDouble, ValueKind::kUuid, ValueKind::kBytes,
        ValueKind::kDate, ValueKind::kTime, ValueKind::kTimestamp, ValueKind::kTimestamptz}) {
    const AvroType type = AvroTypeOf(kind);
    if (type.primitive == primitive && type.logical_type == logical_type) return kind;
  }
  Fail("unknown type");
}

CompiledSchema::Field ParseField(const Json& json) {
  if (!json.is_object()) Fail("a field is not an object");
  const auto type = json.find("type");
  if (type == json.end() || !type->is_array() || type->size() != 2 || (*type)[0] != "null") {
    Fail("a field is not a union of null and a type");
  }
  const Json& branch = (*type)[1];
  const bool logical = branch.is_object();
  if (!logical && !branch.is_string()) Fail("unknown type");

  CompiledSchema::Field field;
  field.name = StringAt(json, "name");
  field.postgresql_name =
      json.contains("postgresql_name") ? StringAt(json, "postgresql_name") : field.name;
  field.kind = KindOfAvroType(logical ? StringAt(branch, "type") : branch.get<std::string>(),
                              logical ? StringAt(branch, "logicalType") : "",
                              StringAt(json, "postgresql_type"));
  return field;
}

}  // namespace

CompiledSchema CompiledSchema::Parse(std::string_view json) {
  const Json record = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object() || StringAt(record, "type") != "record") Fail("not a record");
  const auto fields = record.find("fields");
  if (fields == record.end() || !fields->is_array()) Fail("a record without fields");
  CompiledSchema schema;
  for (const Json& field : *fields) schema.fields_.push_back(ParseField(field));
  return schema;
}

}  // namespace bw
