#include "publish/topic_claims.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/name_text.h"
#include "publish/checkpoint_json.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

using checkpoint_json::Json;
using checkpoint_json::ObjectReader;

constexpr int kFormat = 1;
constexpr std::string_view kKeyBegin = "topic/";

std::string NameOf(const TableName& table) { return table.schema + "." + table.table; }

}  // namespace

std::string TopicClaimKey(const std::string& topic) { return std::string(kKeyBegin) + topic; }

std::optional<std::string_view> TopicOfClaimKey(std::string_view key) {
  if (!key.starts_with(kKeyBegin)) return std::nullopt;
  return key.substr(kKeyBegin.size());
}

std::string EncodeTopicClaim(const TableName& table) {
  return checkpoint_json::Seal({{"format", kFormat},
                                {"schema", TextOfName(table.schema)},
                                {"table", TextOfName(table.table)}});
}

TableName DecodeTopicClaim(std::string_view value, const std::string& where) {
  const Json json = checkpoint_json::Unseal(value, kFormat, where);
  ObjectReader reader(json, where);
  reader.Number("format");
  reader.Text("crc32c");
  const auto schema = NameOfText(reader.Text("schema"));
  const auto table = NameOfText(reader.Text("table"));
  if (!schema || !table) reader.Fail("its table is not a name");
  reader.ExpectNoMore();
  return {*schema, *table};
}

TopicClaims::TopicClaims(std::string prefix, std::string checkpoint_topic,
                         std::map<std::string, TableName> known, Envelope envelope)
    : prefix_(std::move(prefix)),
      envelope_(envelope),
      checkpoint_topic_(std::move(checkpoint_topic)),
      tables_(std::move(known)) {
  for (const auto& [topic, table] : tables_) by_form_.emplace(KafkaFormOfTopic(topic), topic);
}

TopicClaims::Choice TopicClaims::Choose(const TableName& table) const {
  const std::array<std::string, 2> names = {
      TopicOfTable(prefix_, table.schema, table.table, envelope_),
      TopicWithSuffix(prefix_, table.schema, table.table, envelope_),
  };
  Choice choice;
  choice.collision = Obstacle(names[0], table, &choice.taken);
  if (!choice.collision) {
    // A table that was given the suffixed name keeps it, even when the plain name is free now.
    choice.topic = names[0];
    if (TableOf(names[0]) == table || TableOf(names[1]) != table) return choice;
    choice.collision = fmt::format("topic {} belonged to another table", names[0]);
  }
  if (const auto obstacle = Obstacle(names[1], table, &choice.taken)) {
    choice.topic.clear();
    *choice.collision += ", and " + *obstacle;
  } else {
    choice.topic = names[1];
  }
  return choice;
}

std::optional<std::string> TopicClaims::Obstacle(const std::string& topic, const TableName& table,
                                                 std::set<std::string>* taken) const {
  if (topic == checkpoint_topic_) {
    return fmt::format("topic {} is the checkpoint topic", topic);
  }
  if (IsReservedTopic(topic)) {
    return fmt::format("topic {} belongs to Kafka, a registry or another relay", topic);
  }
  if (const auto owner = tables_.find(topic); owner != tables_.end()) {
    if (owner->second == table) return std::nullopt;
    taken->insert(topic);
    return fmt::format("topic {} belongs to table {}", topic, NameOf(owner->second));
  }
  const auto twin = by_form_.find(KafkaFormOfTopic(topic));
  if (twin != by_form_.end() && twin->second != topic) {
    taken->insert(twin->second);
    return fmt::format("Kafka allows no topic {} beside {}, which belongs to table {}", topic,
                       twin->second, NameOf(tables_.at(twin->second)));
  }
  if (const auto refused = refused_.find(topic); refused != refused_.end()) return refused->second;
  return std::nullopt;
}

void TopicClaims::Claim(const std::string& topic, const TableName& table) {
  if (TableOf(topic) == table) return;
  tables_.insert_or_assign(topic, table);
  by_form_.emplace(KafkaFormOfTopic(topic), topic);
  pending_.insert_or_assign(topic, table);
}

std::optional<TableName> TopicClaims::TableOf(const std::string& topic) const {
  const auto owner = tables_.find(topic);
  return owner == tables_.end() ? std::nullopt : std::optional(owner->second);
}

void TopicClaims::NoteRefused(const std::string& topic, const std::string& reason) {
  refused_.insert_or_assign(topic, reason);
  Release(topic);
}

void TopicClaims::Release(const std::string& topic) {
  tables_.erase(topic);
  pending_.erase(topic);
  if (const auto form = by_form_.find(KafkaFormOfTopic(topic));
      form != by_form_.end() && form->second == topic) {
    by_form_.erase(form);
  }
}

}  // namespace bw
