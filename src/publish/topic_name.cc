#include "publish/topic_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "avro/name.h"
#include "base/crc32c.h"
#include "debezium/avro_names.h"

namespace bw {
namespace {

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string LegalPart(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (IsLetterOrDigit(c) || c == '_' || c == '-') {
      out.push_back(c);
    } else {
      out += fmt::format("_{:02x}_", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string WithPrefix(std::string_view prefix, std::string name) {
  return prefix.empty() ? std::move(name) : fmt::format("{}.{}", prefix, name);
}

std::string CutToLimit(std::string name) {
  if (name.size() <= kTopicNameBytesMax) return name;
  const std::string ending = fmt::format("_{:08x}", Crc32c(name));
  name.resize(kTopicNameBytesMax - ending.size());
  return name + ending;
}

// Of Kafka 4.2, and of the Confluent and Apicurio registries.
constexpr std::array<std::string_view, 6> kReservedTopics = {
    "__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata",
    "_schemas",           "kafkasql-journal",
};

}  // namespace

bool IsLegalTopicText(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return IsLetterOrDigit(c) || c == '.' || c == '_' || c == '-'; });
}

std::string TopicOfTable(std::string_view prefix, std::string_view schema, std::string_view table,
                         Envelope envelope) {
  if (envelope == Envelope::kDebezium) return CutToLimit(debezium::TopicOf(prefix, schema, table));
  std::string name = AvroSafeName(table);
  if (schema != "public") name = AvroSafeName(schema) + "." + name;
  return CutToLimit(WithPrefix(prefix, std::move(name)));
}

std::string TopicWithSuffix(std::string_view prefix, std::string_view schema,
                            std::string_view table, Envelope envelope) {
  const uint32_t hash = Crc32c(table, Crc32c(std::string(schema) + '\0'));
  const std::string suffix = fmt::format("_{:08x}", hash);
  std::string name = TopicOfTable(prefix, schema, table, envelope);
  name.resize(std::min(name.size(), kTopicNameBytesMax - suffix.size()));
  return name + suffix;
}

std::string KafkaFormOfTopic(std::string topic) {
  std::ranges::replace(topic, '.', '_');
  return topic;
}

bool IsReservedTopic(std::string_view topic) {
  if (std::ranges::find(kReservedTopics, topic) != kReservedTopics.end()) return true;
  // As made by CheckpointTopic, with any prefix.
  constexpr std::string_view kEnd = ".checkpoint";
  if (!topic.ends_with(kEnd)) return false;
  const size_t begin = topic.rfind("bottledwater.");
  if (begin == std::string_view::npos || (begin > 0 && topic[begin - 1] != '.')) return false;
  return std::ranges::count(topic.substr(begin), '.') == 3;
}

std::string CheckpointTopic(std::string_view prefix, const Source& source) {
  return CutToLimit(
      WithPrefix(prefix, fmt::format("bottledwater.{}.{}.checkpoint", LegalPart(source.database),
                                     LegalPart(source.slot))));
}

std::string DeadLetterTopic(std::string_view prefix) { return WithPrefix(prefix, "dead-letter"); }

std::string TransactionMetadataTopic(std::string_view prefix) {
  return WithPrefix(prefix, "transaction-metadata");
}

std::string TransactionalId(const Source& source) {
  return fmt::format("bottledwater.{}.{}.{}", source.system_identifier, source.database,
                     source.slot);
}

}  // namespace bw
