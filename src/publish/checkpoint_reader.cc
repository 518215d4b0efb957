#include "publish/checkpoint_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/log.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

// The topic is compacted only now and then, so the newest record is looked for from the end: in the
// last few offsets first, half of which are commit markers.
constexpr int64_t kFirstWindow = 256;
constexpr int64_t kWindowGrowth = 16;

struct FoundRecord {
  std::optional<std::string> value;  // Nothing when somebody has deleted the checkpoint.
  int64_t offset = 0;
};

std::optional<FoundRecord> FindNewest(KafkaCluster* cluster, const TopicPartition& partition,
                                      const StoredOffsets& stored) {
  std::optional<FoundRecord> newest;
  int64_t to = stored.high;
  for (int64_t window = kFirstWindow; !newest && to > stored.low; window *= kWindowGrowth) {
    const int64_t from = std::max(stored.low, to - window);
    const std::array<ReadRange, 1> range = {ReadRange{partition, from, to}};
    cluster->ReadCommitted(range, [&](const CommittedRecord& record) {
      if (record.key != kCheckpointKey) return;
      newest = FoundRecord{std::nullopt, record.offset};
      if (record.value) newest->value = std::string(*record.value);
    });
    to = from;
  }
  return newest;
}

void CheckTopic(KafkaCluster* cluster, const std::string& topic, int32_t partitions) {
  if (partitions != 1) {
    throw HaltError(ExitCode::kHaltKafka,
                    fmt::format("The checkpoint topic \"{}\" has {} partitions and must have one, "
                                "or its newest record is not known. It was not created by this "
                                "relay: delete it if nothing was published yet, or use another "
                                "--topic-prefix.",
                                topic, partitions));
  }
  const auto config = cluster->TopicConfig(topic);
  if (!config) {
    spdlog::warn("Cannot check that topic {} is compacted: no right to read its settings", topic);
    return;
  }
  const auto policy = config->find("cleanup.policy");
  if (policy != config->end() && policy->second != "compact") {
    throw HaltError(ExitCode::kHaltKafka,
                    fmt::format("The checkpoint topic \"{0}\" has cleanup.policy={1}: it would "
                                "forget what was published. Remedy: kafka-configs.sh --alter "
                                "--entity-type topics --entity-name {0} --add-config "
                                "cleanup.policy=compact",
                                topic, Printable(policy->second)));
  }
}

}  // namespace

NewestCheckpoint ReadNewestCheckpoint(KafkaCluster* cluster, const std::string& topic) {
  const std::optional<int32_t> partitions = cluster->PartitionCount(topic);
  if (!partitions) return {CheckpointState::Absent(), 0, false};
  CheckTopic(cluster, topic, *partitions);
  const TopicPartition partition{topic, 0};
  const auto stored = cluster->Offsets(std::span(&partition, 1)).front();
  if (!stored) throw TransientError(fmt::format("Topic {} is just being deleted", topic));

  const auto newest = FindNewest(cluster, partition, *stored);
  if (!newest || !newest->value) return {CheckpointState::Absent(), stored->high, true};
  const std::string where = fmt::format("topic {}, offset {}", topic, newest->offset);
  return {CheckpointState::Present(DecodeCheckpoint(*newest->value, where)), stored->high, true};
}

CheckpointState FetchCheckpoint(KafkaCluster* cluster, const PublishOptions& options,
                                const Source& source) {
  cluster->ClusterId();
  const auto producer = cluster->CreateProducer({.transactional_id = TransactionalId(source)});
  producer->InitTransactions();
  return ReadNewestCheckpoint(cluster, CheckpointTopic(options.topic_prefix, source)).state;
}

}  // namespace bw
