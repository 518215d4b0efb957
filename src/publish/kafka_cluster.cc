#include "publish/kafka_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "publish/kafka_connection.h"
#include "publish/kafka_producer.h"
#include "publish/kafka_reader.h"

namespace bw {
namespace {

constexpr Duration kCreatedTopicTimeout{30'000};
// Brokers create the logs of new partitions one by one, with a few fsyncs each: 6 ms per partition
// on an idle machine, 16 ms on a busy one (Kafka 4.2.0, an fsync of 5 ms).
constexpr Duration kLeaderTimeout{10'000};
constexpr Duration kLeaderTimeoutPerPartition{100};
// Partitions per request for offsets: a request is repeated as a whole until all have leaders.
constexpr size_t kOffsetsAskedMax = 100;
// Topics per DescribeConfigs request.
constexpr size_t kDescribedTopicsMax = 250;
// Kafka's controller refuses a CreateTopics request that makes more than 10,000 records: one per
// topic, partition and setting. A topic without a partition count of our own gets the brokers'
// num.partitions, which we do not know.
constexpr int32_t kCreatedRecordsMax = 8'000;
constexpr int32_t kAssumedPartitions = 50;

// For messages.
std::string Named(std::span<const std::string> topics) {
  return topics.size() == 1 ? fmt::format("topic {}", topics.front())
                            : fmt::format("{} topics", topics.size());
}

class LibrdkafkaCluster : public KafkaCluster {
 public:
  LibrdkafkaCluster(KafkaSettings settings, const Stop& stop)
      : settings_(std::move(settings)), stop_(stop) {}

  std::string ClusterId() override;
  std::vector<std::optional<int32_t>> PartitionCounts(std::span<const std::string> topics) override;
  std::vector<std::optional<Error>> RequestTopics(std::span<const TopicSpec> specs) override;
  std::optional<Error> RefusalOf(const TopicSpec& spec) override;
  void WaitForTopics(std::span<const std::string> topics) override;
  std::vector<std::optional<TopicConfigMap>> TopicConfigs(
      std::span<const std::string> topics) override;
  std::vector<std::optional<StoredOffsets>> Offsets(
      std::span<const TopicPartition> partitions) override;
  std::unique_ptr<TransactionalProducer> CreateProducer(const ProducerOptions& options) override {
    return std::make_unique<LibrdkafkaProducer>(settings_, options, stop_);
  }
  void ReadCommitted(std::span<const ReadRange> ranges,
                     const std::function<void(const CommittedRecord&)>& visit) override {
    KafkaReader(settings_, stop_).Read(ranges, visit);
  }
  std::unique_ptr<CommittedFollower> Follow(const TopicPartition& partition,
                                            int64_t from) override {
    return std::make_unique<LibrdkafkaFollower>(settings_, stop_, partition, from);
  }

 private:
  // Created for the first request, so that a cluster that is never used does not keep reconnecting
  // to an unreachable broker. Throws a usage Error when librdkafka refuses the properties.
  //
  // A read_uncommitted consumer, because a request for the end of a partition must return the high
  // watermark. A producer or a read_committed consumer gets the last stable offset, which may hide
  // the newest checkpoint.
  rd_kafka_t* Client() {
    if (!client_) client_ = NewKafkaConsumer(settings_, /*read_committed=*/false, &trouble_);
    return client_.get();
  }
  // Asks about one topic or, when it is null, the brokers and all topics opened on this handle.
  KafkaMetadata AskForMetadata(rd_kafka_topic_t* topic, const std::string& operation);
  using ReadAnswer = std::optional<Error> (*)(const rd_kafka_topic_result_t* result,
                                              const KafkaTrouble& trouble);
  // One CreateTopics request. `validate_only`: nothing is created.
  std::vector<std::optional<Error>> SendCreateTopics(std::span<const TopicSpec> specs,
                                                     bool validate_only, ReadAnswer read);
  std::vector<std::optional<TopicConfigMap>> DescribeTopics(std::span<const std::string> topics);
  void AskForOffsets(rd_kafka_topic_partition_list_t* list, int64_t which, TimePoint deadline);
  std::vector<StoredOffsets> EndsOf(std::span<const TopicPartition* const> partitions,
                                    TimePoint deadline);

  KafkaSettings settings_;
  const Stop& stop_;
  KafkaTrouble trouble_;
  KafkaHandle client_;  // See Client().
};

KafkaMetadata LibrdkafkaCluster::AskForMetadata(rd_kafka_topic_t* topic,
                                                const std::string& operation) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error = AskInSlices(stop_, [&](int slice_ms) {
    return rd_kafka_metadata(Client(), 0, topic, &metadata, slice_ms);
  });
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaMetadata(metadata);
  rd_kafka_poll(Client(), 0);  // Lets the error callback run.
  throw KafkaFailure(operation, error, trouble_);
}

std::string LibrdkafkaCluster::ClusterId() {
  AskForMetadata(nullptr, "Asking the brokers");
  rd_kafka_poll(Client(), 0);
  char* id = rd_kafka_clusterid(Client(), kKafkaSliceMs);
  if (id == nullptr) throw TransientError("The brokers do not report their cluster id");
  std::string copy = id;
  rd_kafka_mem_free(Client(), id);
  return copy;
}

std::vector<std::optional<int32_t>> LibrdkafkaCluster::PartitionCounts(
    std::span<const std::string> topics) {
  std::vector<std::optional<int32_t>> counts(topics.size());
  if (topics.empty()) return counts;
  const std::string operation = "Asking for " + Named(topics);
  std::vector<KafkaTopicObject> objects;
  for (const std::string& topic : topics) {
    objects.emplace_back(rd_kafka_topic_new(Client(), topic.c_str(), nullptr));
  }
  const KafkaMetadata metadata =
      AskForMetadata(topics.size() == 1 ? objects.front().get() : nullptr, operation);
  std::map<std::string_view, const rd_kafka_metadata_topic_t*> answers;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    answers[metadata->topics[i].topic] = &metadata->topics[i];
  }
  for (size_t i = 0; i < topics.size(); ++i) {
    const auto answer = answers.find(topics[i]);
    if (answer == answers.end()) throw TransientError(operation + ": no answer");
    const rd_kafka_resp_err_t error = answer->second->err;
    if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) continue;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      throw KafkaFailure("Asking for topic " + topics[i], error, trouble_);
    }
    counts[i] = answer->second->partition_cnt;
  }
  return counts;
}

// Nothing when the topic exists now, else the brokers' refusal. Throws when a retry may succeed.
std::optional<Error> CreationRefusal(const rd_kafka_topic_result_t* result,
                                     const KafkaTrouble& trouble) {
  const std::string name = rd_kafka_topic_result_name(result);
  const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(result);
  const char* text = rd_kafka_topic_result_error_string(result);
  const std::string problem = Printable(text != nullptr ? text : rd_kafka_err2str(error));
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      return std::nullopt;
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
      return UsageError(
          fmt::format("--topic-config: the brokers refuse it for topic {}: {}", name, problem));
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return RowError(fmt::format("The brokers refuse the topic name {}: {}", name, problem));
    default:
      throw KafkaFailure("Creating topic " + name, error, problem, trouble);
  }
}

// The same for a topic that is only asked about.
std::optional<Error> ValidationRefusal(const rd_kafka_topic_result_t* result,
                                       const KafkaTrouble& trouble) {
  const std::string name = rd_kafka_topic_result_name(result);
  const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(result);
  const char* text = rd_kafka_topic_result_error_string(result);
  const std::string problem = Printable(text != nullptr ? text : rd_kafka_err2str(error));
  if (error == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR) {
    return TransientError(fmt::format(
        "Creating topics: {}. Nothing is published until there are as many brokers as replicas are "
        "wanted: start them, or change replication in --topic-config",
        problem));
  }
  if (error == RD_KAFKA_RESP_ERR_POLICY_VIOLATION) {
    throw TransientError(fmt::format("Creating topic {}: {}", name, problem));
  }
  return CreationRefusal(result, trouble);
}

std::optional<Error> LibrdkafkaCluster::RefusalOf(const TopicSpec& spec) {
  return SendCreateTopics(std::span(&spec, 1), /*validate_only=*/true, &ValidationRefusal).front();
}

std::vector<std::optional<Error>> LibrdkafkaCluster::SendCreateTopics(
    std::span<const TopicSpec> specs, bool validate_only, ReadAnswer read) {
  const std::string operation = specs.size() == 1 ? "Creating topic " + specs.front().name
                                                  : fmt::format("Creating {} topics", specs.size());
  std::array<char, 256> reason{};
  std::vector<KafkaNewTopic> topics;
  std::vector<rd_kafka_NewTopic_t*> pointers;
  for (const TopicSpec& spec : specs) {
    topics.emplace_back(rd_kafka_NewTopic_new(spec.name.c_str(), spec.partitions, spec.replication,
                                              reason.data(), reason.size()));
    if (!topics.back()) {
      throw UsageError(fmt::format("--topic-config: {}", Printable(reason.data())));
    }
    for (const auto& [name, value] : spec.config) {
      rd_kafka_NewTopic_set_config(topics.back().get(), name.c_str(), value.c_str());
    }
    pointers.push_back(topics.back().get());
  }
  const KafkaQueue queue(rd_kafka_queue_new(Client()));
  const KafkaAdminOptions options = NewAdminOptions(Client(), RD_KAFKA_ADMIN_OP_CREATETOPICS);
  if (validate_only) {
    BW_CHECK(rd_kafka_AdminOptions_set_validate_only(options.get(), 1, reason.data(),
                                                     reason.size()) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  rd_kafka_CreateTopics(Client(), pointers.data(), pointers.size(), options.get(), queue.get());
  const KafkaEvent event = WaitForAdminResult(queue.get(), operation, trouble_, stop_);

  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  std::map<std::string_view, const rd_kafka_topic_result_t*> answers;
  for (size_t i = 0; i < count; ++i) answers[rd_kafka_topic_result_name(results[i])] = results[i];
  std::vector<std::optional<Error>> refusals;
  for (const TopicSpec& spec : specs) {
    const auto answer = answers.find(spec.name);
    if (answer == answers.end()) {
      throw TransientError("Creating topic " + spec.name + ": no answer");
    }
    refusals.push_back(read(answer->second, trouble_));
  }
  return refusals;
}

void LibrdkafkaCluster::WaitForTopics(std::span<const std::string> topics) {
  if (topics.empty()) return;
  const TimePoint begun = std::chrono::steady_clock::now();
  while (true) {
    const auto counts = PartitionCounts(topics);
    const auto missing =
        std::ranges::find_if(counts, [](const auto& count) { return !count.has_value(); });
    if (missing == counts.end()) return;
    if (std::chrono::steady_clock::now() - begun > kCreatedTopicTimeout ||
        stop_.WaitFor(Duration(50))) {
      throw TransientError(fmt::format("Creating topic {}: created, but not visible yet",
                                       topics[static_cast<size_t>(missing - counts.begin())]));
    }
  }
}

std::vector<std::optional<Error>> LibrdkafkaCluster::RequestTopics(
    std::span<const TopicSpec> specs) {
  std::vector<std::optional<Error>> refusals;
  while (refusals.size() < specs.size()) {
    const auto rest = specs.subspan(refusals.size());
    size_t count = 0;
    for (int32_t records = 0; count < rest.size(); ++count) {
      const TopicSpec& spec = rest[count];
      records += 1 + (spec.partitions > 0 ? spec.partitions : kAssumedPartitions) +
                 static_cast<int32_t>(spec.config.size());
      if (count > 0 && records > kCreatedRecordsMax) break;
    }
    auto answers = SendCreateTopics(rest.first(count), /*validate_only=*/false, &CreationRefusal);
    for (size_t i = 0; i < count; ++i) {
      // The request as a whole may have been too large: ask for this topic alone.
      if (answers[i] && count > 1) {
        answers[i] =
            SendCreateTopics(rest.subspan(i, 1), /*validate_only=*/false, &CreationRefusal).front();
      }
      refusals.push_back(std::move(answers[i]));
    }
  }
  return refusals;
}

std::vector<std::optional<TopicConfigMap>> LibrdkafkaCluster::DescribeTopics(
    std::span<const std::string> topics) {
  const std::string operation = "Reading the settings of " + Named(topics);
  std::vector<KafkaConfigResource> resources;
  std::vector<rd_kafka_ConfigResource_t*> pointers;
  for (const std::string& topic : topics) {
    resources.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
    pointers.push_back(resources.back().get());
  }
  const KafkaQueue queue(rd_kafka_queue_new(Client()));
  const KafkaAdminOptions options = NewAdminOptions(Client(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  rd_kafka_DescribeConfigs(Client(), pointers.data(), pointers.size(), options.get(), queue.get());
  const KafkaEvent event = WaitForAdminResult(queue.get(), operation, trouble_, stop_);

  size_t count = 0;
  const rd_kafka_ConfigResource_t** results = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  std::map<std::string, std::optional<TopicConfigMap>> answers;
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(results[i]);
    auto& config = answers[rd_kafka_ConfigResource_name(results[i])];
    if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) continue;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) throw KafkaFailure(operation, error, trouble_);
    config = SettingsIn(results[i]);
  }
  std::vector<std::optional<TopicConfigMap>> configs;
  for (const std::string& topic : topics) {
    const auto answer = answers.find(topic);
    if (answer == answers.end()) throw TransientError(operation + ": no answer");
    configs.push_back(std::move(answer->second));
  }
  return configs;
}

std::vector<std::optional<TopicConfigMap>> LibrdkafkaCluster::TopicConfigs(
    std::span<const std::string> topics) {
  std::vector<std::optional<TopicConfigMap>> configs;
  while (configs.size() < topics.size()) {
    const auto rest = topics.subspan(configs.size());
    for (auto& config : DescribeTopics(rest.first(std::min(rest.size(), kDescribedTopicsMax)))) {
      configs.push_back(std::move(config));
    }
  }
  return configs;
}

// rd_kafka_offsets_for_times passes the "time" on unchanged, and Kafka's ListOffsets takes -1 for
// the end and -2 for the beginning (protocol guide, ListOffsets). That needs one request per broker
// for all partitions, where rd_kafka_query_watermark_offsets needs one per partition.
void LibrdkafkaCluster::AskForOffsets(rd_kafka_topic_partition_list_t* list, int64_t which,
                                      TimePoint deadline) {
  while (true) {
    for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = which;
    rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(Client(), list, kKafkaAnswerTimeoutMs);
    std::string operation = "Asking for the ends of partitions";
    for (int i = 0; i < list->cnt && error == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
      const rd_kafka_topic_partition_t& answer = list->elems[i];
      if (answer.err == RD_KAFKA_RESP_ERR_NO_ERROR && answer.offset >= 0) continue;
      error = answer.err != RD_KAFKA_RESP_ERR_NO_ERROR ? answer.err : RD_KAFKA_RESP_ERR__FAIL;
      operation = fmt::format("Asking for the ends of topic {} partition {}", answer.topic,
                              answer.partition);
    }
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    // The topic was just created, or leaders are moving.
    const bool may_come = error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
                          error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (!may_come || std::chrono::steady_clock::now() > deadline || stop_.WaitFor(Duration(100))) {
      throw KafkaFailure(operation, error, trouble_);
    }
  }
}

// Answers for all partitions, in the order of `partitions`, or throws.
std::vector<StoredOffsets> LibrdkafkaCluster::EndsOf(
    std::span<const TopicPartition* const> partitions, TimePoint deadline) {
  KafkaPartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition* partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), partition->topic.c_str(), partition->partition);
  }
  std::vector<StoredOffsets> ends(partitions.size());
  AskForOffsets(list.get(), RD_KAFKA_OFFSET_END, deadline);
  for (size_t k = 0; k < ends.size(); ++k) {
    BW_CHECK(partitions[k]->topic == list->elems[k].topic &&
             partitions[k]->partition == list->elems[k].partition);
    ends[k].high = list->elems[k].offset;
  }
  // A partition that ends at 0 also begins there: new partitions need no second request.
  if (std::ranges::all_of(ends, [](const StoredOffsets& end) { return end.high == 0; }))
    return ends;
  AskForOffsets(list.get(), RD_KAFKA_OFFSET_BEGINNING, deadline);
  for (size_t k = 0; k < ends.size(); ++k) ends[k].low = list->elems[k].offset;
  return ends;
}

std::vector<std::optional<StoredOffsets>> LibrdkafkaCluster::Offsets(
    std::span<const TopicPartition> partitions) {
  std::vector<std::string> topics;
  for (const TopicPartition& partition : partitions) topics.push_back(partition.topic);
  std::ranges::sort(topics);
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  const auto counts = PartitionCounts(topics);
  std::vector<const TopicPartition*> asked;
  std::vector<size_t> places;
  for (size_t i = 0; i < partitions.size(); ++i) {
    const auto at = std::ranges::lower_bound(topics, partitions[i].topic) - topics.begin();
    if (partitions[i].partition >= counts[static_cast<size_t>(at)].value_or(0)) continue;
    asked.push_back(&partitions[i]);
    places.push_back(i);
  }
  std::vector<std::optional<StoredOffsets>> offsets(partitions.size());
  const TimePoint deadline = std::chrono::steady_clock::now() + kLeaderTimeout +
                             kLeaderTimeoutPerPartition * static_cast<int64_t>(asked.size());
  for (size_t begin = 0; begin < asked.size(); begin += kOffsetsAskedMax) {
    const size_t count = std::min(kOffsetsAskedMax, asked.size() - begin);
    const auto ends = EndsOf(std::span(asked).subspan(begin, count), deadline);
    for (size_t k = 0; k < count; ++k) offsets[places[begin + k]] = ends[k];
  }
  return offsets;
}

}  // namespace

std::unique_ptr<KafkaCluster> ConnectToKafka(const PublishOptions& options, const Stop& stop) {
  return std::make_unique<LibrdkafkaCluster>(KafkaSettings{options.brokers, options.kafka_config},
                                             stop);
}

void CheckKafkaConfig(const PublishOptions& options) {
  // Some problems (an unreadable certificate, contradicting properties) only show when a handle is
  // created.
  const Stop stop;
  const KafkaSettings settings{options.brokers, options.kafka_config};
  KafkaTrouble trouble;
  NewKafkaConsumer(settings, /*read_committed=*/false, &trouble);
  LibrdkafkaProducer(settings, {.transactional_id = "bottledwater.check"}, stop);
}

}  // namespace bw
