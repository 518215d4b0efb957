#pragma once

#include <cstdint>
#include <string>

#include "registry/schema_registry.h"
#include "spool/change.h"

namespace bw {

// Under which subject a schema is registered (--subject-naming): Confluent's TopicNameStrategy,
// RecordNameStrategy and TopicRecordNameStrategy. Consumers find schemas by id, whatever the
// subject.
enum class SubjectNaming : uint8_t {
  kTopic,        // "<topic>-key", "<topic>-value"
  kRecord,       // The record's full name, "bottledwater.public.orders".
  kTopicRecord,  // "<topic>-<the record's full name>"
};

// What is registered for a table's keys, which it must have, and for its values. With names of
// records, a table's key and value must not share one: the key's is then "Key" in the value's name
// as namespace, "bottledwater.public.orders.Key". No table can have that name, since AvroSafeName
// leaves no dot in one. Pure.
SchemaRegistration KeyRegistration(SubjectNaming naming, const std::string& topic,
                                   const TableSchema& table);
SchemaRegistration ValueRegistration(SubjectNaming naming, const std::string& topic,
                                     const TableSchema& table);

}  // namespace bw
