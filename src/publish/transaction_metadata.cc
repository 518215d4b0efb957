#include "publish/transaction_metadata.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "avro/binary_format.h"
#include "avro/json_text.h"
#include "base/bytes.h"
#include "base/name_text.h"
#include "publish/partitioner.h"

namespace bw {
namespace {

// With the names that Debezium gives these records.
constexpr char kKeySchema[] =
    R"({"type":"record","name":"TransactionMetadataKey",)"
    R"("namespace":"io.debezium.connector.common","fields":[{"name":"id","type":"string"}]})";
constexpr char kValueSchema[] =
    R"({"type":"record","name":"TransactionMetadataValue",)"
    R"("namespace":"io.debezium.connector.common","fields":[)"
    R"({"name":"status","type":"string"},{"name":"id","type":"string"},)"
    R"({"name":"event_count","type":["null","long"],"default":null},)"
    R"({"name":"data_collections","type":["null",{"type":"array","items":{"type":"record",)"
    R"("name":"collection","namespace":"event","fields":[)"
    R"({"name":"data_collection","type":"string"},{"name":"event_count","type":"long"}]}}],)"
    R"("default":null},{"name":"ts_ms","type":"long"}]})";

void AppendWireHeader(int32_t id, std::string* out) {
  BW_CHECK(id > 0);
  AppendU8(out, 0);
  AppendU32(out, static_cast<uint32_t>(id));
}

void AppendAvroLong(int64_t value, std::string* out) {
  std::array<char, kVarintBytesMax> bytes;
  out->append(bytes.data(), WriteLong(value, bytes.data()));
}

void AppendAvroString(std::string_view text, std::string* out) {
  AppendAvroLong(static_cast<int64_t>(text.size()), out);
  out->append(text);
}

}  // namespace

const TableSchema& TransactionMetadataSchema() {
  static const TableSchema schema{"transaction", "metadata", kKeySchema, kValueSchema};
  return schema;
}

void TransactionMetadata::BeginAfter(const Position& published) {
  // Within a transaction, its BEGIN is in Kafka already.
  begun_.reset();
  if (!published.is_end()) begun_ = published.commit_lsn;
}

void TransactionMetadata::OnChange(const Change& change, PublishFigures* figures) {
  const Lsn commit_lsn = change.position.commit_lsn;
  if (begun_ == commit_lsn) return;
  begun_ = commit_lsn;
  if (change.xid == 0) return;  // A snapshot's rows are of no transaction.
  Produce({.status = "BEGIN",
           .operation = 'B',
           .position = {commit_lsn, 0},
           .xid = change.xid,
           .commit_time_us = change.commit_time_us},
          figures);
}

void TransactionMetadata::OnEnd(const SpoolBatch::End& end, PublishFigures* figures) {
  if (end.tally.xid == 0) return;
  // A table may have had several forms in one transaction.
  std::map<std::string, uint64_t> by_table;
  uint64_t changes = 0;
  for (const auto& [id, count] : end.tally.changes) {
    const TableSchema& schema = tools_.servers.spool->log().Schema(id);
    by_table[TextOfName(schema.schema) + "." + TextOfName(schema.table)] += count;
    changes += count;
  }
  const std::vector<std::pair<std::string, uint64_t>> tables(by_table.begin(), by_table.end());
  Produce({.status = "END",
           .operation = 'E',
           .position = Position::EndOf(end.commit_lsn),
           .xid = end.tally.xid,
           .commit_time_us = end.tally.commit_time_us,
           .changes = changes,
           .tables = &tables},
          figures);
}

void TransactionMetadata::Produce(const Event& event, PublishFigures* figures) {
  if (tools_.torn->Contains({event.position, event.operation, event.commit_time_us / 1000})) {
    ++figures->torn_skipped;
    return;
  }
  const OwnTopic& topic = tools_.destinations->transaction_metadata();
  const auto encode = [&](bool with_tables) {
    Write(event, with_tables);
    return tools_.encoder->Message(key_, value_, event.operation, event.position,
                                   event.commit_time_us);
  };
  EncodedMessage message = encode(true);
  // A transaction of very many tables: better without their counts than not at all.
  if (message.bytes() > topic.message_bytes_max) message = encode(false);
  tools_.producer->Produce(
      {.topic = topic.opened.handle,
       .partition = PartitionOf(message.key, event.position.commit_lsn, topic.opened.partitions),
       .key = message.key,
       .value = message.value,
       .headers = message.headers});
  ++figures->messages;
  figures->bytes += message.bytes();
}

void TransactionMetadata::Write(const Event& event, bool with_tables) {
  const std::string id = fmt::format("{}:{}", event.xid, event.position.commit_lsn.value);
  key_.clear();
  value_.clear();
  if (tools_.options->output_format == OutputFormat::kAvro) {
    WriteAvro(event, id, with_tables);
  } else {
    WriteJson(event, id, with_tables);
  }
}

void TransactionMetadata::WriteJson(const Event& event, const std::string& id, bool with_tables) {
  key_ = fmt::format(R"({{"id":"{}"}})", id);
  value_ = fmt::format(R"({{"status":"{}","id":"{}",)", event.status, id);
  value_ += event.tables == nullptr ? R"("event_count":null,)"
                                    : fmt::format(R"("event_count":{},)", event.changes);
  if (event.tables == nullptr || !with_tables) {
    value_ += R"("data_collections":null,)";
  } else {
    value_ += R"("data_collections":[)";
    for (const auto& [table, count] : *event.tables) {
      value_ += R"({"data_collection":)";
      AppendJsonString(table, &value_);
      value_ += fmt::format(R"(,"event_count":{}}},)", count);
    }
    if (value_.back() == ',') value_.pop_back();
    value_ += "],";
  }
  value_ += fmt::format(R"("ts_ms":{}}})", event.commit_time_us / 1000);
}

void TransactionMetadata::WriteAvro(const Event& event, const std::string& id, bool with_tables) {
  const RegistryIds& ids = tools_.destinations->transaction_metadata_ids();
  AppendWireHeader(ids.key, &key_);
  AppendAvroString(id, &key_);
  AppendWireHeader(ids.value, &value_);
  AppendAvroString(event.status, &value_);
  AppendAvroString(id, &value_);
  if (event.tables == nullptr) {
    value_.push_back(kNullBranch);
  } else {
    value_.push_back(kValueBranch);
    AppendAvroLong(static_cast<int64_t>(event.changes), &value_);
  }
  if (event.tables == nullptr || !with_tables) {
    value_.push_back(kNullBranch);
  } else {
    value_.push_back(kValueBranch);
    if (!event.tables->empty()) AppendAvroLong(static_cast<int64_t>(event.tables->size()), &value_);
    for (const auto& [table, count] : *event.tables) {
      AppendAvroString(table, &value_);
      AppendAvroLong(static_cast<int64_t>(count), &value_);
    }
    AppendAvroLong(0, &value_);
  }
  AppendAvroLong(event.commit_time_us / 1000, &value_);
}

}  // namespace bw
