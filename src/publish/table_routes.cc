#include "publish/table_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

constexpr std::chrono::seconds kRefusalAge{60};
// The brokers' default of max.message.bytes, for when we may not read it.
constexpr size_t kBrokerMessageBytesMax = 1'048'588;
// What a batch has around one record.
constexpr size_t kBatchOverheadBytes = 128;

}  // namespace

TableRoutes::TableRoutes(const PublishOptions& options, const std::string& checkpoint_topic,
                         KafkaCluster* cluster, TransactionalProducer* producer,
                         PublishMemory* memory, Clock* clock)
    : options_(options),
      topic_settings_(ParseTopicConfig(options.topic_config)),
      checkpoint_topic_(checkpoint_topic),
      cluster_(cluster),
      producer_(producer),
      memory_(memory),
      clock_(clock) {}

bool TableRoutes::IsPrepared(SchemaId id) const {
  const auto route = routes_.find(id.value);
  return route != routes_.end() &&
         (!route->second.refusal || clock_->Now() - route->second.refused_at < kRefusalAge);
}

std::optional<std::string> TableRoutes::Prepare(SchemaId id, const TableSchema& schema) {
  TableRoute route;
  route.table = Printable(schema.schema + "." + schema.table);
  try {
    if (auto registry_away = Fill(schema, &route)) return registry_away;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    route.refusal = error.what();
    route.refused_at = clock_->Now();
  }
  routes_.insert_or_assign(id.value, std::move(route));
  return std::nullopt;
}

std::optional<std::string> TableRoutes::Fill(const TableSchema& schema, TableRoute* route) {
  route->topic = TopicOfTable(options_.topic_prefix, schema.schema, schema.table);
  PublishMemory::KnownTopic& known = Claim(schema, route->topic);
  RegistryIds ids;
  if (options_.output_format == OutputFormat::kAvro) {
    try {
      ids = memory_->schema_ids.Get(route->topic, schema);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kTransient) throw;
      return error.what();
    }
  }
  route->encoding = MessageEncoder::EncodingFor(options_.output_format, schema, ids);
  if (!opened_.contains(route->topic)) CreateIfMissing(schema, route->topic);
  route->opened = Open(route->topic);
  LearnSettings(route->topic, &known);
  if (known.compacted && !schema.key_json) {
    throw RowError(
        fmt::format("topic {} is compacted, and Kafka refuses rows without a key there: give the "
                    "table a key, or "
                    "the topic cleanup.policy=delete",
                    route->topic));
  }
  route->message_bytes_max = MessageBytesMax(route->topic, known);
  return std::nullopt;
}

const OpenedTopic& TableRoutes::Open(const std::string& topic) {
  const auto found = opened_.find(topic);
  if (found != opened_.end()) return found->second;
  return opened_.emplace(topic, producer_->OpenTopic(topic)).first->second;
}

PublishMemory::KnownTopic& TableRoutes::Claim(const TableSchema& schema, const std::string& topic) {
  if (topic == checkpoint_topic_) {
    throw RowError(fmt::format("its topic would be the checkpoint topic {}", topic));
  }
  const auto [known, is_new] = memory_->topics.try_emplace(
      topic, PublishMemory::KnownTopic{schema.schema, schema.table, 0, false});
  if (known->second.schema != schema.schema || known->second.table != schema.table) {
    throw RowError(fmt::format(
        "tables {}.{} and {}.{} would both be topic {}: rename one, or leave it out with "
        "--exclude-tables",
        Printable(known->second.schema), Printable(known->second.table), Printable(schema.schema),
        Printable(schema.table), topic));
  }
  return known->second;
}

void TableRoutes::CreateIfMissing(const TableSchema& schema, const std::string& topic) {
  if (cluster_->PartitionCount(topic)) return;
  TopicSpec spec{topic, topic_settings_.partitions, topic_settings_.replication,
                 topic_settings_.config};
  if (schema.key_json) {
    spec.config.try_emplace("cleanup.policy", "compact");
  } else {
    // A compacted topic refuses every row without a key.
    spec.config.erase("cleanup.policy");
  }
  cluster_->CreateTopic(spec);
  spdlog::info("Created topic {} for table {}.{}", topic, Printable(schema.schema),
               Printable(schema.table));
  BW_KILL_POINT("publish.topic_created");
}

void TableRoutes::LearnSettings(const std::string& topic, PublishMemory::KnownTopic* known) {
  if (known->message_bytes_max != 0) return;
  size_t message_bytes_max = kBrokerMessageBytesMax;
  if (const auto config = cluster_->TopicConfig(topic)) {
    if (const auto limit = config->find("max.message.bytes"); limit != config->end()) {
      const std::string& text = limit->second;
      std::from_chars(text.data(), text.data() + text.size(), message_bytes_max);
    }
    const auto policy = config->find("cleanup.policy");
    known->compacted =
        policy != config->end() && policy->second.find("compact") != std::string::npos;
  }
  known->message_bytes_max = std::max<size_t>(message_bytes_max, 1024);
}

size_t TableRoutes::MessageBytesMax(const std::string& topic,
                                    const PublishMemory::KnownTopic& known) {
  // The limit is one of whole batches: small rows, batched, would pass it too.
  if (known.message_bytes_max < memory_->batch_bytes_max) {
    memory_->batch_bytes_max = known.message_bytes_max;
    throw TransientError(
        fmt::format("Topic {} takes batches of at most {} bytes: starting again with smaller ones",
                    topic, known.message_bytes_max));
  }
  return std::min(producer_->message_bytes_max(), known.message_bytes_max - kBatchOverheadBytes);
}

}  // namespace bw
