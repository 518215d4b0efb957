#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bw::debezium {

struct ConnectField;

// A schema of Kafka Connect (org.apache.kafka.connect.data.Schema), in which Debezium describes its
// messages. Written in two ways: as Avro, as the Avro converters of Confluent and Apicurio do it
// (AvroData.java), and as the "schema" of Connect's own JsonConverter. The spool keeps the first.
struct ConnectSchema {
  enum class Type : uint8_t {
    kBoolean,
    kInt16,
    kInt32,
    kInt64,
    kFloat32,
    kFloat64,
    kString,
    kBytes,
    kArray,
    kMap,  // From strings.
    kStruct,
  };

  Type type = Type::kString;
  bool optional = false;
  std::string name;  // Empty for none.
  int version = 0;   // 0 for none.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string doc;  // Empty for none.
  // The default's Avro body, without a union's branch. Only of primitive types.
  std::optional<std::string> default_body;
  std::vector<ConnectField> fields;  // Of kStruct.
  std::vector<ConnectSchema> items;  // One: an array's elements, or a map's values.

  // The union's branch of a null and of a value, where `optional`. Avro wants a default's type to
  // be the first one of a union.
  char null_branch() const { return default_body ? 0x02 : 0x00; }
  char value_branch() const { return default_body ? 0x00 : 0x02; }
};

struct ConnectField {
  std::string name;
  ConnectSchema schema;
};

// The schema as Avro, as one line of JSON. Names that Avro does not allow are changed as Debezium's
// adjustment mode `avro` does it; the record's property "connect.name" and the field's
// "debezium.name" then have the original. Pure.
std::string ToAvroJson(const ConnectSchema& schema);

// The reverse. Throws a halt Error when the text is not from ToAvroJson(): it comes from the spool.
ConnectSchema ParseAvroJson(std::string_view json);

// Whether a stored schema is from ToAvroJson(), and not one of avro/schema_builder.h.
bool IsConnectSchema(std::string_view json);

// The schema as JsonConverter writes it.
std::string ToConnectJson(const ConnectSchema& schema);

// Appends the body, which was encoded with `schema`, as JsonConverter's "payload": bytes in
// base64, structs as objects, floats that JSON cannot write as "NaN" and so on, on one line.
// Throws a halt Error when the body does not fit, a row Error when a string is not UTF-8; `*out` is
// then unchanged. Pure and thread-safe.
void AppendPayload(const ConnectSchema& schema, std::string_view body, std::string* out);

}  // namespace bw::debezium
