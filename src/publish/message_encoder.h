#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "debezium/spooled_schema.h"
#include "publish/kafka.h"
#include "publish/publish_options.h"
#include "publish/schema_id_cache.h"
#include "spool/change.h"

// message := key | value | headers
// In Avro, key and value are each
//   0 : 1 byte | registry id : 4 bytes, big-endian | Avro body
// which is the Confluent wire format (their Schema Registry documentation, "Wire format").
// In the JSON formats they are one line of JSON.
// headers := "lsn" position, "2/44DAB970:17" | "op" r, c, u, d or n | "ts" commit time, decimal ms
//   | "unavailable" only where it applies: the fields with a marker for an unchanged TOASTed value,
//     comma-separated
//   | "refetched" only where it applies: the fields with such a value that was read again, and is
//     of a later time than the change, comma-separated

namespace bw {

inline constexpr size_t kWireFormatHeaderBytes = 5;
inline constexpr const char* kRelayHeader = "relay";

// What the encoder needs to know about a table: the ids for Avro, the schemas for JSON.
struct TableEncoding {
  RegistryIds ids;
  std::optional<SpooledSchema> key_schema;
  std::optional<SpooledSchema> value_schema;
  bool is_debezium = false;  // Its values are Debezium's envelopes.
};

// Those of one message; there are few.
class MessageHeaders {
 public:
  void Add(MessageHeader header) { headers_.at(count_++) = header; }
  void Clear() { count_ = 0; }
  const MessageHeader* begin() const { return headers_.data(); }
  const MessageHeader* end() const { return headers_.data() + count_; }
  size_t size() const { return count_; }
  const MessageHeader& operator[](size_t i) const { return headers_.at(i); }

 private:
  std::array<MessageHeader, 5> headers_;
  size_t count_ = 0;
};

struct EncodedMessage {
  std::optional<std::string_view> key;    // Nothing for tables without a key.
  std::optional<std::string_view> value;  // Nothing for a delete.
  char operation = 0;
  MessageHeaders headers;

  size_t bytes() const;
};

// Turns changes into Kafka messages. Reuses its buffers: a message is valid until the next call.
// Not thread-safe.
class MessageEncoder {
 public:
  // `relay` tells relays apart that share a topic which is no table's: the transactional id.
  explicit MessageEncoder(OutputFormat format, std::string relay = "")
      : format_(format), relay_(std::move(relay)) {}

  // The messages of one change, in the order in which they must be published:
  // - an update that changes the key: the tombstone of the old key (op d), then the row;
  // - a delete: its tombstone; none for a table without a key, where it would name no row;
  // - anything else: the row.
  // Where values are Debezium's envelopes:
  // - a delete, and an update that changes the key for the old key: the envelope (op d), and its
  //   tombstone (op n), so that each message of a change has another op;
  // - then, or for anything else: the envelope; after a changed key its op is c.
  // Throws a row Error when JSON cannot hold the value, a halt Error when the body is corrupt.
  // `table` is of the change's schema, `of_old_key` of its old key's.
  std::span<const EncodedMessage> Encode(const Change& change, const TableEncoding& table,
                                         const TableEncoding& of_old_key);
  std::span<const EncodedMessage> Encode(const Change& change, const TableEncoding& table) {
    return Encode(change, table, table);
  }

  // The message key of a change that has a key. Throws as Encode does.
  std::string_view EncodeKey(const Change& change, const TableEncoding& table);
  // A delete of this message key, exactly as the topic holds it.
  EncodedMessage Tombstone(std::string_view key, const Position& position, int64_t time_us);
  // A message of bodies that are ready, for topics that are no table's: it has the header "relay",
  // too. `operation` is the header.
  EncodedMessage Message(std::optional<std::string_view> key, std::optional<std::string_view> value,
                         char operation, const Position& position, int64_t time_us);

  static TableEncoding EncodingFor(OutputFormat format, const TableSchema& schema,
                                   const RegistryIds& ids);

 private:
  // One body with its registry id or, for JSON, its schema.
  std::string_view Write(std::string_view body, int32_t id,
                         const std::optional<SpooledSchema>& schema, std::string* out) const;
  std::span<const EncodedMessage> EncodeEnvelopes(const Change& change, const TableEncoding& table,
                                                  const TableEncoding& of_old_key);
  // A message's text, or nothing, and its op.
  void Put(size_t index, std::optional<std::string_view> key, std::optional<std::string_view> value,
           char operation);
  // The message has the change's new row.
  static void NameUnsent(const Change& change, EncodedMessage* message);
  // Sets what the headers of all messages at this position share.
  void SetHeaders(const Position& position, int64_t time_us);
  void Describe(EncodedMessage* message, char operation);

  OutputFormat format_;
  std::string relay_;
  std::string old_key_, key_, old_value_, value_;
  std::string lsn_, commit_time_ms_;
  std::array<char, 3> operations_{};
  std::array<EncodedMessage, 3> messages_;
};

}  // namespace bw
