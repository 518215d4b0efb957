#include "publish/kafka_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "publish/kafka_config.h"
#include "publish/kafka_connection.h"
#include "publish/kafka_producer.h"
#include "publish/kafka_reader.h"

namespace bw {
namespace {

// Each call into librdkafka waits at most this long, so that a stop is noticed between two.
constexpr int kSliceMs = 1'000;
constexpr int kAnswerTimeoutMs = 10'000;
constexpr Duration kCreatedTopicTimeout{10'000};

struct MetadataDeleter {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, MetadataDeleter>;

class LibrdkafkaCluster : public KafkaCluster {
 public:
  LibrdkafkaCluster(KafkaSettings settings, const Stop& stop)
      : settings_(std::move(settings)), stop_(stop) {}

  std::string ClusterId() override;
  std::optional<int32_t> PartitionCount(const std::string& topic) override;
  void CreateTopic(const TopicSpec& spec) override;
  std::optional<std::map<std::string, std::string>> TopicConfig(const std::string& topic) override;
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
  // Made with the first question: what nobody asks anything should not connect again and again to a
  // broker that is away. Throws a usage Error when librdkafka refuses the properties.
  //
  // A read_uncommitted consumer, because its questions for the end of a partition must be answered
  // with the high watermark. A producer's, and a read_committed consumer's, are answered with the
  // last stable offset, which may hide the newest checkpoint.
  rd_kafka_t* Client() {
    if (!client_) client_ = NewKafkaConsumer(settings_, /*read_committed=*/false, &trouble_);
    return client_.get();
  }
  // Asks for one topic, or for the brokers alone.
  Metadata AskForMetadata(rd_kafka_topic_t* topic, const std::string& operation);
  KafkaEvent WaitForAdminResult(rd_kafka_queue_t* queue, const std::string& operation);
  KafkaAdminOptions AdminOptions(rd_kafka_admin_op_t operation);
  void AskForOffsets(rd_kafka_topic_partition_list_t* list, int64_t which);

  KafkaSettings settings_;
  const Stop& stop_;
  KafkaTrouble trouble_;
  KafkaHandle client_;  // See Client().
};

Metadata LibrdkafkaCluster::AskForMetadata(rd_kafka_topic_t* topic, const std::string& operation) {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
  for (int waited_ms = 0; waited_ms < kAnswerTimeoutMs && !stop_.requested();
       waited_ms += kSliceMs) {
    const rd_kafka_metadata_t* metadata = nullptr;
    error = rd_kafka_metadata(Client(), 0, topic, &metadata, kSliceMs);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return Metadata(metadata);
    if (error != RD_KAFKA_RESP_ERR__TIMED_OUT) break;
  }
  rd_kafka_poll(Client(), 0);  // Takes what the error callback has to say.
  throw KafkaFailure(operation, error, trouble_);
}

std::string LibrdkafkaCluster::ClusterId() {
  AskForMetadata(nullptr, "Asking the brokers");
  rd_kafka_poll(Client(), 0);
  char* id = rd_kafka_clusterid(Client(), kSliceMs);
  if (id == nullptr) throw TransientError("The brokers do not say their cluster id");
  std::string copy = id;
  rd_kafka_mem_free(Client(), id);
  return copy;
}

std::optional<int32_t> LibrdkafkaCluster::PartitionCount(const std::string& topic) {
  const std::string operation = fmt::format("Asking for topic {}", topic);
  const KafkaTopicObject object(rd_kafka_topic_new(Client(), topic.c_str(), nullptr));
  const Metadata metadata = AskForMetadata(object.get(), operation);
  if (metadata->topic_cnt != 1) throw TransientError(operation + ": no answer");
  const rd_kafka_metadata_topic_t& answer = metadata->topics[0];
  switch (answer.err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return answer.partition_cnt;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return std::nullopt;
    default:
      throw KafkaFailure(operation, answer.err, trouble_);
  }
}

KafkaAdminOptions LibrdkafkaCluster::AdminOptions(rd_kafka_admin_op_t operation) {
  KafkaAdminOptions options(rd_kafka_AdminOptions_new(Client(), operation));
  std::array<char, 256> reason{};
  BW_CHECK(rd_kafka_AdminOptions_set_request_timeout(options.get(), kAnswerTimeoutMs, reason.data(),
                                                     reason.size()) == RD_KAFKA_RESP_ERR_NO_ERROR);
  return options;
}

KafkaEvent LibrdkafkaCluster::WaitForAdminResult(rd_kafka_queue_t* queue,
                                                 const std::string& operation) {
  for (int waited_ms = 0; waited_ms < 2 * kAnswerTimeoutMs && !stop_.requested();
       waited_ms += kSliceMs) {
    KafkaEvent event(rd_kafka_queue_poll(queue, kSliceMs));
    if (!event) continue;
    const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return event;
    const char* text = rd_kafka_event_error_string(event.get());
    throw KafkaFailure(operation, error, text != nullptr ? text : "", trouble_);
  }
  throw KafkaFailure(operation, RD_KAFKA_RESP_ERR__TIMED_OUT, trouble_);
}

void LibrdkafkaCluster::CreateTopic(const TopicSpec& spec) {
  const std::string operation = fmt::format("Creating topic {}", spec.name);
  std::array<char, 256> reason{};
  const KafkaNewTopic topic(rd_kafka_NewTopic_new(spec.name.c_str(), spec.partitions,
                                                  spec.replication, reason.data(), reason.size()));
  if (!topic) throw UsageError(fmt::format("--topic-config: {}", Printable(reason.data())));
  for (const auto& [name, value] : spec.config) {
    rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  }
  const KafkaQueue queue(rd_kafka_queue_new(Client()));
  std::array<rd_kafka_NewTopic_t*, 1> topics = {topic.get()};
  const KafkaAdminOptions options = AdminOptions(RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_CreateTopics(Client(), topics.data(), topics.size(), options.get(), queue.get());
  const KafkaEvent event = WaitForAdminResult(queue.get(), operation);

  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  if (count != 1) throw TransientError(operation + ": no answer");
  const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[0]);
  const char* text = rd_kafka_topic_result_error_string(results[0]);
  const std::string problem = Printable(text != nullptr ? text : rd_kafka_err2str(error));
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      break;
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
      throw UsageError(fmt::format("--topic-config: the brokers refuse it for topic {}: {}",
                                   spec.name, problem));
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      throw RowError(fmt::format("The brokers refuse the topic name {}: {}", spec.name, problem));
    default:
      throw KafkaFailure(operation, error, problem, trouble_);
  }
  const TimePoint begun = std::chrono::steady_clock::now();
  while (!PartitionCount(spec.name)) {
    if (std::chrono::steady_clock::now() - begun > kCreatedTopicTimeout ||
        stop_.WaitFor(Duration(50))) {
      throw TransientError(operation + ": created, but not to be seen yet");
    }
  }
}

std::optional<std::map<std::string, std::string>> LibrdkafkaCluster::TopicConfig(
    const std::string& topic) {
  const std::string operation = fmt::format("Reading the settings of topic {}", topic);
  const KafkaConfigResource resource(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  const KafkaQueue queue(rd_kafka_queue_new(Client()));
  std::array<rd_kafka_ConfigResource_t*, 1> resources = {resource.get()};
  const KafkaAdminOptions options = AdminOptions(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  rd_kafka_DescribeConfigs(Client(), resources.data(), resources.size(), options.get(),
                           queue.get());
  const KafkaEvent event = WaitForAdminResult(queue.get(), operation);

  size_t count = 0;
  const rd_kafka_ConfigResource_t** results = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  if (count != 1) throw TransientError(operation + ": no answer");
  const rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(results[0]);
  if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) return std::nullopt;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) throw KafkaFailure(operation, error, trouble_);
  const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(results[0], &count);
  std::map<std::string, std::string> config;
  for (size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    config[rd_kafka_ConfigEntry_name(entries[i])] = value != nullptr ? value : "";
  }
  return config;
}

// rd_kafka_offsets_for_times passes the "time" on as it is, and Kafka's ListOffsets takes -1 for
// the end and -2 for the beginning (protocol guide, ListOffsets): one request per broker for all
// partitions, where rd_kafka_query_watermark_offsets needs one per partition.
void LibrdkafkaCluster::AskForOffsets(rd_kafka_topic_partition_list_t* list, int64_t which) {
  for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = which;
  const rd_kafka_resp_err_t error =
      rd_kafka_offsets_for_times(Client(), list, kAnswerTimeoutMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw KafkaFailure("Asking for the ends of partitions", error, trouble_);
  }
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& answer = list->elems[i];
    if (answer.err != RD_KAFKA_RESP_ERR_NO_ERROR || answer.offset < 0) {
      throw KafkaFailure(fmt::format("Asking for the ends of topic {} partition {}", answer.topic,
                                     answer.partition),
                         answer.err, trouble_);
    }
  }
}

std::vector<std::optional<StoredOffsets>> LibrdkafkaCluster::Offsets(
    std::span<const TopicPartition> partitions) {
  std::map<std::string, int32_t> counts;
  KafkaPartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  std::vector<size_t> asked;
  for (size_t i = 0; i < partitions.size(); ++i) {
    const auto& [topic, partition] = partitions[i];
    auto count = counts.find(topic);
    if (count == counts.end()) {
      count = counts.emplace(topic, PartitionCount(topic).value_or(0)).first;
    }
    if (partition >= count->second) continue;
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
    asked.push_back(i);
  }
  std::vector<std::optional<StoredOffsets>> offsets(partitions.size());
  if (asked.empty()) return offsets;

  AskForOffsets(list.get(), RD_KAFKA_OFFSET_END);
  for (const size_t i : asked) {
    const rd_kafka_topic_partition_t* answer = rd_kafka_topic_partition_list_find(
        list.get(), partitions[i].topic.c_str(), partitions[i].partition);
    offsets[i] = StoredOffsets{0, answer->offset};
  }
  AskForOffsets(list.get(), RD_KAFKA_OFFSET_BEGINNING);
  for (const size_t i : asked) {
    const rd_kafka_topic_partition_t* answer = rd_kafka_topic_partition_list_find(
        list.get(), partitions[i].topic.c_str(), partitions[i].partition);
    offsets[i]->low = answer->offset;
  }
  return offsets;
}

KafkaSettings SettingsOf(const PublishOptions& options) {
  CheckBrokers(options.brokers);
  return {options.brokers, options.kafka_config};
}

}  // namespace

std::unique_ptr<KafkaCluster> ConnectToKafka(const PublishOptions& options, const Stop& stop) {
  return std::make_unique<LibrdkafkaCluster>(SettingsOf(options), stop);
}

void CheckKafkaConfig(const PublishOptions& options) {
  // Some problems (a certificate that cannot be read, two properties that contradict each other)
  // show only when a handle is made.
  const Stop stop;
  const KafkaSettings settings = SettingsOf(options);
  KafkaTrouble trouble;
  NewKafkaConsumer(settings, /*read_committed=*/false, &trouble);
  LibrdkafkaProducer(settings, {.transactional_id = "bottledwater.check"}, stop);
}

}  // namespace bw
