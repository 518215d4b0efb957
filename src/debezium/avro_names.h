#pragma once

#include <string>
#include <string_view>

namespace bw::debezium {

// "prefix.schema.table", as Debezium names a table's topic: what Kafka does not allow in a topic's
// name becomes '_'. Also the beginning of the names of its schemas. Pure.
std::string TopicOf(std::string_view prefix, std::string_view schema, std::string_view table);

// A schema's full name with '_' for each character that Avro does not allow there: Debezium's
// schema.name.adjustment.mode=avro. Pure.
std::string AvroFullName(std::string_view name);

// A field's name as Avro allows it: '_' for each other character, and before a digit at the
// beginning (field.name.adjustment.mode=avro). Pure.
std::string AvroFieldName(std::string_view name);

}  // namespace bw::debezium
