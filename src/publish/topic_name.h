#pragma once

#include <string>
#include <string_view>

#include "spool/spool_state.h"

namespace bw {

// Kafka refuses longer topic names.
inline constexpr size_t kTopicNameBytesMax = 249;

// Whether every byte may stand in a topic name: ASCII letters, digits, '.', '_' and '-'.
bool IsLegalTopicText(std::string_view text);

// The topic of a table: "[prefix.][schema.]table". The schema is omitted when it is "public"; both
// names are made Avro-safe byte by byte (avro/name.h), so the result is legal. A name over 249
// bytes is cut and ends in '_' and the 8 hex digits of the whole name's CRC-32C.
//
// Not injective ("a-b" and "a_2d_b" meet): topic_claims.h keeps two tables out of one topic.
std::string TopicOfTable(std::string_view prefix, std::string_view schema, std::string_view table);

// Where that name cannot be had: the same, with '_' and the 8 hex digits of the CRC-32C of schema and
// table as PostgreSQL names them. The same table always gets the same.
std::string TopicWithSuffix(std::string_view prefix, std::string_view schema,
                            std::string_view table);

// Kafka refuses to make a topic whose name differs from an existing one only by '.' and '_', because
// its metrics would be one. Two such names have the same form.
std::string KafkaFormOfTopic(std::string topic);

// Topics that Kafka itself, a schema registry or another relay keeps its state in: a table that
// happens to be called so must not write there.
bool IsReservedTopic(std::string_view topic);

// The topic of a relay's checkpoint: "[prefix.]bottledwater.<database>.<slot>.checkpoint". Every
// byte of database and slot that is no ASCII letter, digit, '_' or '-' becomes "_%02x_".
std::string CheckpointTopic(std::string_view prefix, const Source& source);

// "bottledwater.<system identifier>.<database>.<slot>": stable, so that a newer instance fences an
// older one. Kafka takes any text here.
std::string TransactionalId(const Source& source);

}  // namespace bw
