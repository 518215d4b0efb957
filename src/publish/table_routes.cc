#include "publish/table_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

constexpr std::chrono::seconds kRefusalAge{60};
// Tables whose schemas are registered, and whose topics are created, in one group.
constexpr size_t kTablesOfOneRequest = 100;
// No row is refused for its size by a limit that is older than this.
constexpr std::chrono::seconds kSettingsAge{5};
// Around the record in a batch of one.
constexpr size_t kBatchOverheadBytes = 128;
constexpr size_t kBatchBytesMin = 1024;
constexpr char kMessageLimit[] = "max.message.bytes";

// A row error in this step concerns only this table.
template <typename Step>
void RefuseOnRowError(TableRoute* route, const Step& step) {
  if (route->refusal) return;
  try {
    step();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    route->refusal = error.what();
  }
}

void RemoveDuplicates(std::vector<std::string>* names) {
  std::ranges::sort(*names);
  names->erase(std::unique(names->begin(), names->end()), names->end());
}

}  // namespace

TableRoutes::TableRoutes(const PublishOptions& options, KafkaCluster* cluster,
                         TransactionalProducer* producer, TopicClaims* claims,
                         PublishMemory* memory, Clock* clock)
    : options_(options),
      topic_settings_(ParseTopicConfig(options.topic_config)),
      cluster_(cluster),
      producer_(producer),
      claims_(claims),
      memory_(memory),
      clock_(clock) {}

bool TableRoutes::IsPrepared(SchemaId id, size_t message_bytes) const {
  const auto found = routes_.find(id.value);
  if (found == routes_.end()) return false;
  const TableRoute& route = found->second;
  if (route.refusal) return clock_->Now() - route.refused_at < kRefusalAge;
  return message_bytes <= route.message_bytes_max ||
         clock_->Now() - settings_.at(route.topic).asked_at < kSettingsAge;
}

std::optional<Error> TableRoutes::Prepare(std::span<const TableToRoute> tables) {
  std::vector<TableRoute> routes(tables.size());
  for (size_t i = 0; i < tables.size(); ++i) {
    const TableSchema& schema = *tables[i].schema;
    routes[i].table = schema.schema + "." + schema.table;
    routes[i].counter = memory_->tables.Find(routes[i].table);
    RefuseOnRowError(&routes[i], [&] { ChooseTopic(schema, &routes[i]); });
  }
  std::set<std::string> missing = MissingTopics(routes);
  for (size_t begin = 0; begin < tables.size(); begin += kTablesOfOneRequest) {
    const size_t count = std::min(kTablesOfOneRequest, tables.size() - begin);
    const auto some_tables = tables.subspan(begin, count);
    const auto some_routes = std::span(routes).subspan(begin, count);
    if (auto obstacle = AskRegistry(some_tables, some_routes)) return obstacle;
    GiveUpClaims(some_routes);
    const NameRefusals refusals = RequestMissing(some_tables, some_routes, &missing);
    if (refusals.empty()) continue;
    // For example, another topic's name differs only in '.' and '_'.
    for (const auto& [topic, reason] : refusals) claims_->NoteRefused(topic, reason);
    return Prepare(tables);
  }
  OpenAll(routes);
  LearnSettings(routes);
  for (size_t i = 0; i < tables.size(); ++i) {
    TableRoute& route = routes[i];
    RefuseOnRowError(&route, [&] {
      route.opened = Open(route.topic);
      CheckKeyed(*tables[i].schema, &route);
      route.message_bytes_max = MessageBytesMax(route.topic);
    });
    if (route.refusal) route.refused_at = clock_->Now();
    routes_.insert_or_assign(tables[i].id.value, std::move(route));
  }
  return std::nullopt;
}

std::optional<Error> TableRoutes::AskRegistry(std::span<const TableToRoute> tables,
                                              std::span<TableRoute> routes) {
  std::vector<SchemaIdCache::Table> asked;
  std::vector<size_t> places;
  for (size_t i = 0; i < tables.size(); ++i) {
    if (routes[i].refusal) continue;
    asked.push_back({routes[i].topic, tables[i].schema});
    places.push_back(i);
  }
  std::vector<RegistryResult<RegistryIds>> answers(asked.size());
  if (options_.output_format == OutputFormat::kAvro) {
    const int64_t began_us = clock_->WallMicros();
    answers = memory_->schema_ids.GetAll(asked);
    memory_->registry_request.Observe(clock_->WallMicros() - began_us);
  }
  for (size_t i = 0; i < answers.size(); ++i) {
    TableRoute& route = routes[places[i]];
    if (const auto* failure = std::get_if<Error>(&answers[i])) {
      if (failure->kind() == ErrorKind::kTransient) return *failure;
      if (failure->kind() != ErrorKind::kRow) throw *failure;
      route.refusal = failure->what();
      continue;
    }
    route.encoding = MessageEncoder::EncodingFor(options_.output_format, *tables[places[i]].schema,
                                                 std::get<RegistryIds>(answers[i]));
  }
  return std::nullopt;
}

const OpenedTopic& TableRoutes::Open(const std::string& topic) {
  const auto found = opened_.find(topic);
  if (found != opened_.end()) return found->second;
  return opened_.emplace(topic, producer_->OpenTopic(topic)).first->second;
}

std::vector<std::string> TableRoutes::UnopenedTopics(std::span<const TableRoute> routes) const {
  std::vector<std::string> topics;
  for (const TableRoute& route : routes) {
    if (!route.refusal && !opened_.contains(route.topic)) topics.push_back(route.topic);
  }
  RemoveDuplicates(&topics);
  return topics;
}

void TableRoutes::OpenAll(std::span<const TableRoute> routes) {
  const std::vector<std::string> topics = UnopenedTopics(routes);
  if (topics.empty()) return;
  const std::vector<OpenedTopic> opened = producer_->OpenTopics(topics);
  for (size_t i = 0; i < topics.size(); ++i) opened_.emplace(topics[i], opened[i]);
}

// A deleted topic is free for another table, unless it was in use in this session: then its table's
// next row creates it again.
TopicClaims::Choice TableRoutes::Choose(const TableName& table) {
  TopicClaims::Choice choice = claims_->Choose(table);
  bool released = false;
  for (const std::string& topic : choice.taken) {
    if (opened_.contains(topic) || claims_->pending().contains(topic)) continue;
    if (cluster_->PartitionCount(topic)) continue;
    spdlog::warn("Topic {} was deleted; from now on another table may use it", topic);
    claims_->Release(topic);
    released = true;
  }
  return released ? claims_->Choose(table) : choice;
}

std::optional<std::string> TableRoutes::TopicFor(const TableName& table) {
  const TopicClaims::Choice choice = Choose(table);
  const bool is_held = choice.collision && options_.on_collision == OnCollision::kHold;
  if (choice.topic.empty() || is_held) return std::nullopt;
  return choice.topic;
}

void TableRoutes::ChooseTopic(const TableSchema& schema, TableRoute* route) {
  const TopicClaims::Choice choice = Choose({schema.schema, schema.table});
  if (choice.collision) {
    route->held = options_.on_collision == OnCollision::kHold;
    if (route->held || choice.topic.empty()) {
      throw RowError(*choice.collision +
                     ": rename the table, leave it out with --exclude-tables, or start with "
                     "--on-collision=suffix");
    }
    spdlog::warn("Table {} gets topic {}: {}", route->table, choice.topic, *choice.collision);
  }
  route->topic = choice.topic;
  claims_->Claim(choice.topic, {schema.schema, schema.table});
}

void TableRoutes::GiveUpClaims(std::span<const TableRoute> routes) {
  for (const TableRoute& route : routes) {
    const bool is_pending = claims_->pending().contains(route.topic);
    if (route.refusal && is_pending && !opened_.contains(route.topic)) {
      claims_->Release(route.topic);
    }
  }
}

TopicSpec TableRoutes::SpecFor(const TableSchema& schema, const std::string& topic) const {
  TopicSpec spec{topic, topic_settings_.partitions, topic_settings_.replication,
                 topic_settings_.config};
  if (schema.key_json) {
    spec.config.try_emplace("cleanup.policy", "compact");
  } else {
    // A compacted topic refuses every row without a key.
    spec.config["cleanup.policy"] = "delete";
  }
  spec.config.try_emplace(kMessageLimit, std::to_string(options_.message_bytes_max));
  return spec;
}

std::set<std::string> TableRoutes::MissingTopics(std::span<const TableRoute> routes) {
  const std::vector<std::string> names = UnopenedTopics(routes);
  const auto counts = cluster_->PartitionCounts(names);
  std::set<std::string> missing;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!counts[i]) missing.insert(names[i]);
  }
  return missing;
}

TableRoutes::NameRefusals TableRoutes::RequestMissing(std::span<const TableToRoute> tables,
                                                      std::span<const TableRoute> routes,
                                                      std::set<std::string>* missing) {
  std::vector<TopicSpec> specs;
  for (size_t i = 0; i < routes.size(); ++i) {
    if (routes[i].refusal || missing->erase(routes[i].topic) == 0) continue;
    specs.push_back(SpecFor(*tables[i].schema, routes[i].topic));
  }
  if (specs.empty()) return {};
  return Request(specs);
}

// Not compacted, whatever the tables' topics and the brokers' default are: what happened to a row
// is not replaced by what happened to it later.
OwnTopic TableRoutes::PrepareOwn(const std::string& topic, int32_t partitions) {
  if (!cluster_->PartitionCount(topic)) {
    TopicSpec spec{topic, partitions == -1 ? topic_settings_.partitions : partitions,
                   topic_settings_.replication, topic_settings_.config};
    spec.config.erase("cleanup.policy");
    spec.config.try_emplace(kMessageLimit, std::to_string(options_.message_bytes_max));
    for (const auto& [name, reason] : Request(std::span(&spec, 1))) throw UsageError(reason);
  }
  TableRoute route;
  route.topic = topic;
  LearnSettings(std::span(&route, 1));
  return {topic, Open(topic), MessageBytesMax(topic)};
}

TableRoutes::NameRefusals TableRoutes::Request(std::span<const TopicSpec> specs) {
  auto answers = cluster_->RequestTopics(specs);
  std::vector<TopicSpec> again;
  NameRefusals refusals;
  for (size_t i = 0; i < specs.size(); ++i) {
    if (!answers[i]) {
      spdlog::info("Created topic {}", specs[i].name);
      BW_KILL_POINT("publish.topic_created");
    } else if (answers[i]->kind() == ErrorKind::kRow) {
      refusals.emplace(specs[i].name, answers[i]->what());
    } else if (!topic_settings_.config.contains(kMessageLimit) &&
               specs[i].config.contains(kMessageLimit)) {
      // Our own default limit must not prevent the topic from being created.
      if (again.empty()) {
        spdlog::warn("{}. Trying without {}={}: larger messages will be refused",
                     answers[i]->what(), kMessageLimit, options_.message_bytes_max);
      }
      again.push_back(specs[i]);
      again.back().config.erase(kMessageLimit);
    } else {
      throw *answers[i];
    }
  }
  if (!again.empty()) refusals.merge(Request(again));
  return refusals;
}

void TableRoutes::LearnSettings(std::span<const TableRoute> routes) {
  const TimePoint now = clock_->Now();
  std::vector<std::string> topics;
  for (const TableRoute& route : routes) {
    if (route.refusal) continue;
    const auto known = settings_.find(route.topic);
    if (known == settings_.end() || now - known->second.asked_at >= kSettingsAge) {
      topics.push_back(route.topic);
    }
  }
  RemoveDuplicates(&topics);
  if (topics.empty()) return;
  const auto configs = cluster_->TopicConfigs(topics);
  for (size_t i = 0; i < topics.size(); ++i) {
    settings_.insert_or_assign(topics[i], SettingsFrom(topics[i], configs[i]));
  }
}

TableRoutes::TopicSettingsNow TableRoutes::SettingsFrom(
    const std::string& topic, const std::optional<TopicConfigMap>& config) {
  TopicSettingsNow settings;
  settings.asked_at = clock_->Now();
  if (!config) {
    if (!memory_->has_said_unknown_limit) {
      spdlog::warn(
          "No right to read the settings of topic {} (DescribeConfigs): its largest message size "
          "is found by trying",
          topic);
      memory_->has_said_unknown_limit = true;
    }
    return settings;
  }
  size_t limit = std::numeric_limits<size_t>::max();
  for (const char* name : {kMessageLimit, "segment.bytes"}) {
    limit = std::min(limit, NumberIn(*config, name).value_or(limit));
  }
  settings.batch_bytes_max = std::max(limit, kBatchBytesMin);
  const auto policy = config->find("cleanup.policy");
  settings.compacted =
      policy != config->end() && policy->second.find("compact") != std::string::npos;
  return settings;
}

void TableRoutes::CheckKeyed(const TableSchema& schema, TableRoute* route) const {
  if (schema.key_json || !settings_.at(route->topic).compacted) return;
  route->lacks_key = true;
  throw RowError(fmt::format(
      "topic {} is compacted, and Kafka refuses rows without a key there. (cleanup.policy=delete "
      "lets in later rows, not those that were left out)",
      route->topic));
}

size_t TableRoutes::MessageBytesMax(const std::string& topic) {
  const std::optional<size_t> limit = settings_.at(topic).batch_bytes_max;
  // The limit applies to whole batches: several small rows in one batch could exceed it.
  if (limit && *limit < memory_->batch_bytes_max) {
    memory_->batch_bytes_max = *limit;
    throw TransientError(
        fmt::format("Topic {} takes batches of at most {} bytes: starting again with smaller ones",
                    topic, *limit));
  }
  size_t message_bytes_max = producer_->message_bytes_max();
  if (limit) message_bytes_max = std::min(message_bytes_max, *limit - kBatchOverheadBytes);
  if (const auto refused = memory_->refused_sizes.find(topic);
      refused != memory_->refused_sizes.end()) {
    if (refused->second.limit == limit.value_or(0)) {
      message_bytes_max = std::min(message_bytes_max, refused->second.bytes - 1);
    } else {
      memory_->refused_sizes.erase(refused);
    }
  }
  return message_bytes_max;
}

void TableRoutes::NoteTooLarge(const TooLargeError& error) {
  // A message of the batch limit's size was alone in its batch; otherwise the batch as a whole may
  // have been too large.
  if (error.bytes() < memory_->batch_bytes_max && memory_->batch_bytes_max > kBatchBytesMin) {
    memory_->batch_bytes_max = std::max(kBatchBytesMin, memory_->batch_bytes_max / 4);
    return;
  }
  const auto known = settings_.find(error.topic());
  const size_t limit = known == settings_.end() ? 0 : known->second.batch_bytes_max.value_or(0);
  memory_->refused_sizes[error.topic()] = {std::max<size_t>(error.bytes(), 1), limit};
}

}  // namespace bw
