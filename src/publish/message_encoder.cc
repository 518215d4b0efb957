#include "publish/message_encoder.h"

#include <fmt/format.h>

#include <iterator>

#include "base/bytes.h"
#include "base/error.h"

namespace bw {
namespace {

constexpr uint8_t kMagicByte = 0;
constexpr char kDelete = static_cast<char>(Operation::kDelete);
constexpr char kInsert = static_cast<char>(Operation::kInsert);
constexpr char kTombstone = 'n';

}  // namespace

size_t EncodedMessage::bytes() const {
  size_t total = (key ? key->size() : 0) + (value ? value->size() : 0);
  for (const MessageHeader& header : headers) total += header.name.size() + header.value.size();
  return total;
}

std::span<const EncodedMessage> MessageEncoder::Encode(const Change& change,
                                                       const TableEncoding& table,
                                                       const TableEncoding& of_old_key) {
  SetHeaders(change.position, change.commit_time_us);
  if (!change.value && !change.key) return {};
  if (table.is_debezium) return EncodeEnvelopes(change, table, of_old_key);
  size_t count = 0;
  if (change.old_key && change.value) {
    EncodedMessage& tombstone = messages_[count++];
    tombstone.key = Write(*change.old_key, of_old_key.ids.key, of_old_key.key_schema, &old_key_);
    tombstone.value.reset();
    Describe(&tombstone, kDelete);
  }
  EncodedMessage& row = messages_[count++];
  row.key.reset();
  row.value.reset();
  if (change.key) row.key = EncodeKey(change, table);
  if (change.value) {
    row.value = Write(*change.value, table.ids.value, table.value_schema, &value_);
  }
  Describe(&row, static_cast<char>(change.operation));
  NameUnsent(change, &row);
  return std::span(messages_).first(count);
}

std::span<const EncodedMessage> MessageEncoder::EncodeEnvelopes(const Change& change,
                                                                const TableEncoding& table,
                                                                const TableEncoding& of_old_key) {
  std::optional<std::string_view> key;
  if (change.key) key = EncodeKey(change, table);
  const auto write = [&](std::string_view body, std::string* out) {
    return Write(body, table.ids.value, table.value_schema, out);
  };
  if (change.old_key) {
    const debezium::Pair pair = debezium::SplitPair(change.value.value());
    const std::string_view old_key =
        Write(*change.old_key, of_old_key.ids.key, of_old_key.key_schema, &old_key_);
    Put(0, old_key, write(pair.deleted, &old_value_), kDelete);
    Put(1, old_key, std::nullopt, kTombstone);
    Put(2, key, write(pair.created, &value_), kInsert);
    NameUnsent(change, &messages_[2]);
    return messages_;
  }
  Put(0, key, write(change.value.value(), &value_), static_cast<char>(change.operation));
  NameUnsent(change, &messages_[0]);
  if (change.operation != Operation::kDelete) return std::span(messages_).first(1);
  Put(1, key, std::nullopt, kTombstone);
  return std::span(messages_).first(2);
}

void MessageEncoder::NameUnsent(const Change& change, EncodedMessage* message) {
  if (change.unavailable) message->headers.Add({"unavailable", *change.unavailable});
  if (change.refetched) message->headers.Add({"refetched", *change.refetched});
}

void MessageEncoder::Put(size_t index, std::optional<std::string_view> key,
                         std::optional<std::string_view> value, char operation) {
  EncodedMessage& message = messages_[index];
  message.key = key;
  message.value = value;
  Describe(&message, operation);
}

std::string_view MessageEncoder::EncodeKey(const Change& change, const TableEncoding& table) {
  return Write(change.key.value(), table.ids.key, table.key_schema, &key_);
}

EncodedMessage MessageEncoder::Tombstone(std::string_view key, const Position& position,
                                         int64_t time_us) {
  SetHeaders(position, time_us);
  Put(0, key, std::nullopt, kDelete);
  return messages_[0];
}

EncodedMessage MessageEncoder::Message(std::optional<std::string_view> key,
                                       std::optional<std::string_view> value, char operation,
                                       const Position& position, int64_t time_us) {
  SetHeaders(position, time_us);
  Put(0, key, value, operation);
  messages_[0].headers.Add({kRelayHeader, relay_});
  return messages_[0];
}

void MessageEncoder::SetHeaders(const Position& position, int64_t time_us) {
  lsn_.clear();
  const uint64_t commit_lsn = position.commit_lsn.value;
  fmt::format_to(std::back_inserter(lsn_), "{:X}/{:X}:{}", commit_lsn >> 32,
                 commit_lsn & 0xFFFFFFFFu, position.index);
  commit_time_ms_.clear();
  fmt::format_to(std::back_inserter(commit_time_ms_), "{}", time_us / 1000);
}

std::string_view MessageEncoder::Write(std::string_view body, int32_t id,
                                       const std::optional<SpooledSchema>& schema,
                                       std::string* out) const {
  out->clear();
  if (format_ == OutputFormat::kAvro) {
    BW_CHECK(id > 0);
    AppendU8(out, kMagicByte);
    AppendU32(out, static_cast<uint32_t>(id));
    out->append(body);
  } else {
    const bool is_avro_json = format_ == OutputFormat::kJson;
    schema->AppendJson(is_avro_json ? JsonStyle::kAvroJson : JsonStyle::kPlain, body, out);
  }
  return *out;
}

void MessageEncoder::Describe(EncodedMessage* message, char operation) {
  const size_t index = static_cast<size_t>(message - messages_.data());
  operations_[index] = operation;
  message->operation = operation;
  message->headers.Clear();
  message->headers.Add({"lsn", lsn_});
  message->headers.Add({"op", std::string_view(&operations_[index], 1)});
  message->headers.Add({"ts", commit_time_ms_});
}

TableEncoding MessageEncoder::EncodingFor(OutputFormat format, const TableSchema& schema,
                                          const RegistryIds& ids) {
  TableEncoding encoding{ids, std::nullopt, std::nullopt,
                         debezium::IsConnectSchema(schema.value_json)};
  if (format != OutputFormat::kAvro) {
    if (schema.key_json) encoding.key_schema = SpooledSchema::Parse(*schema.key_json);
    encoding.value_schema = SpooledSchema::Parse(schema.value_json);
  }
  return encoding;
}

}  // namespace bw
