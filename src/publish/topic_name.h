#pragma once

#include <string>
#include <string_view>

#include "base/envelope.h"
#include "spool/spool_state.h"

namespace bw {

// Kafka refuses longer topic names.
inline constexpr size_t kTopicNameBytesMax = 249;

// Whether every byte is allowed in a topic name: ASCII letters, digits, '.', '_' and '-'.
bool IsLegalTopicText(std::string_view text);

// The topic of a table: "[prefix.][schema.]table". The schema is omitted when it is "public"; both
// names are made Avro-safe byte by byte (avro/name.h), so the result is legal. A name over 249
// bytes is cut, and ends in '_' and the 8 hex digits of the whole name's CRC-32C.
//
// Not injective ("a-b" and "a_2d_b" collide): topic_claims.h keeps two tables out of one topic.
//
// With Envelope::kDebezium: "prefix.schema.table" always, and '_' for each character that Kafka
// does not allow, as Debezium names it.
std::string TopicOfTable(std::string_view prefix, std::string_view schema, std::string_view table,
                         Envelope envelope = Envelope::kNone);

// For when that name is not available: the same with '_' and the 8 hex digits of the CRC-32C of
// schema and table as PostgreSQL names them. A table always gets the same name.
std::string TopicWithSuffix(std::string_view prefix, std::string_view schema,
                            std::string_view table, Envelope envelope = Envelope::kNone);

// Kafka refuses to create a topic whose name differs from an existing one only in '.' and '_',
// because their metrics would collide. Two such names have the same form.
std::string KafkaFormOfTopic(std::string topic);

// Whether Kafka itself, a schema registry or another relay keeps its state in a topic of this name;
// a table that happens to have the name must not write there.
bool IsReservedTopic(std::string_view topic);

// The topic of a relay's checkpoint: "[prefix.]bottledwater.<database>.<slot>.checkpoint". Every
// byte of database and slot other than ASCII letters, digits, '_' and '-' becomes "_%02x_".
std::string CheckpointTopic(std::string_view prefix, const Source& source);

// The topic of rows that cannot be published (--on-error=dead-letter): "[prefix.]dead-letter". No
// table's topic: those have no '-' but in the prefix (avro/name.h).
std::string DeadLetterTopic(std::string_view prefix);

// The topic of --transaction-metadata: "[prefix.]transaction-metadata", likewise.
std::string TransactionMetadataTopic(std::string_view prefix);

// "bottledwater.<system identifier>.<database>.<slot>": stable, so that a newer instance fences an
// older one. Kafka accepts any text here.
std::string TransactionalId(const Source& source);

}  // namespace bw
