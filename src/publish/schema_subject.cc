#include "publish/schema_subject.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "avro/name.h"

namespace bw {
namespace {

// As BuildValueSchema() names the record.
std::string RecordName(const TableSchema& table) {
  return AvroNamespace(table.schema) + "." + AvroSafeName(table.table);
}

SchemaRegistration Register(SubjectNaming naming, const std::string& topic,
                            const std::string& record, std::string schema_json) {
  return {naming == SubjectNaming::kRecord ? record : topic + "-" + record, std::move(schema_json)};
}

}  // namespace

SchemaRegistration KeyRegistration(SubjectNaming naming, const std::string& topic,
                                   const TableSchema& table) {
  const std::string& schema_json = table.key_json.value();
  if (naming == SubjectNaming::kTopic) return {topic + "-key", schema_json};
  // The spool's schema, which BuildKeySchema() made.
  auto schema = nlohmann::ordered_json::parse(schema_json);
  schema["name"] = "Key";
  schema["namespace"] = RecordName(table);
  return Register(naming, topic, RecordName(table) + ".Key", schema.dump());
}

SchemaRegistration ValueRegistration(SubjectNaming naming, const std::string& topic,
                                     const TableSchema& table) {
  if (naming == SubjectNaming::kTopic) return {topic + "-value", table.value_json};
  return Register(naming, topic, RecordName(table), table.value_json);
}

}  // namespace bw
