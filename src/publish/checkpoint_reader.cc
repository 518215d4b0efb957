#include "publish/checkpoint_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

#include "base/halt.h"
#include "base/log.h"
#include "publish/topic_claims.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

// The topic is compacted only now and then, so the search for the newest record begins at the end:
// with the last few offsets, half of which are commit markers.
constexpr int64_t kFirstWindow = 256;
constexpr int64_t kWindowGrowth = 16;

struct FoundRecord {
  std::optional<std::string> value;  // Absent in a tombstone: somebody has deleted the record.
  int64_t offset = 0;
};

// Searches backwards from the topic's end for the newest checkpoint and the parts that it names.
class CheckpointSearch {
 public:
  CheckpointSearch(KafkaCluster* cluster, const TopicPartition& partition,
                   std::optional<int64_t> claims_from)
      : cluster_(cluster), partition_(partition), claims_from_(claims_from) {}

  std::optional<Checkpoint> Run(const StoredOffsets& stored);
  // By topic. Call after Run.
  std::map<std::string, TableName> Claims() const;

 private:
  void LookAt(int64_t from, int64_t to);
  bool IsComplete() const;
  void AddParts();
  std::string Where(int64_t offset) const {
    return fmt::format("topic {}, offset {}", partition_.topic, offset);
  }

  KafkaCluster* const cluster_;
  const TopicPartition partition_;
  const std::optional<int64_t> claims_from_;
  std::optional<FoundRecord> newest_;
  std::optional<Checkpoint> checkpoint_;
  // Parts and claims, the newest of each key.
  std::map<std::string, FoundRecord, std::less<>> others_;
};

std::optional<Checkpoint> CheckpointSearch::Run(const StoredOffsets& stored) {
  int64_t to = stored.high;
  int64_t claims_from = claims_from_.value_or(stored.high);
  if (claims_from > stored.high) claims_from = 0;
  for (int64_t window = kFirstWindow; (!IsComplete() || to > claims_from) && to > stored.low;
       window *= kWindowGrowth) {
    const int64_t from = std::max(stored.low, to - window);
    LookAt(from, to);
    to = from;
  }
  if (checkpoint_) AddParts();
  return checkpoint_;
}

void CheckpointSearch::LookAt(int64_t from, int64_t to) {
  const bool had_newest = newest_.has_value();
  std::map<std::string, FoundRecord, std::less<>> others;
  const std::array<ReadRange, 1> range = {ReadRange{partition_, from, to}};
  cluster_->ReadCommitted(range, [&](const CommittedRecord& record) {
    if (!record.key) return;
    FoundRecord found{std::nullopt, record.offset};
    if (record.value) found.value = std::string(*record.value);
    if (record.key == kCheckpointKey) {
      if (!had_newest) newest_ = std::move(found);
    } else if (IsCheckpointPartKey(*record.key) || TopicOfClaimKey(*record.key)) {
      others.insert_or_assign(std::string(*record.key), std::move(found));
    }
  });
  others_.merge(others);  // Keeps what is there already: it is newer.
  if (newest_ && newest_->value && !checkpoint_) {
    checkpoint_ = DecodeCheckpoint(*newest_->value, Where(newest_->offset));
  }
}

bool CheckpointSearch::IsComplete() const {
  if (!checkpoint_) return newest_.has_value();
  for (size_t i = 0; i < checkpoint_->parts.size(); ++i) {
    if (!others_.contains(CheckpointPartKey(i, checkpoint_->parts[i].slot))) return false;
  }
  return true;
}

std::map<std::string, TableName> CheckpointSearch::Claims() const {
  std::map<std::string, TableName> claims;
  for (const auto& [key, record] : others_) {
    const auto topic = TopicOfClaimKey(key);
    if (!topic || !record.value) continue;
    claims.emplace(*topic, DecodeTopicClaim(*record.value, Where(record.offset)));
  }
  return claims;
}

void CheckpointSearch::AddParts() {
  for (size_t i = 0; i < checkpoint_->parts.size(); ++i) {
    const std::string key = CheckpointPartKey(i, checkpoint_->parts[i].slot);
    const auto found = others_.find(key);
    const bool is_there = found != others_.end() && found->second.value;
    const std::string where =
        is_there ? Where(found->second.offset)
                 : fmt::format("topic {} (record {}, which is missing)", partition_.topic, key);
    AddCheckpointPart(is_there ? *found->second.value : "", i, where, &*checkpoint_);
  }
}

// Returns its max.message.bytes, if that may be read.
std::optional<size_t> CheckTopic(KafkaCluster* cluster, const std::string& topic,
                                 int32_t partitions) {
  if (partitions != 1) {
    throw Halt{ExitCode::kHaltKafka,
               "checkpoint-topic",
               fmt::format("The checkpoint topic \"{}\" has {} partitions; it must have one, or "
                           "its newest record cannot be known.",
                           topic, partitions),
               "It was not created by this relay.",
               {{"delete it, if nothing was published yet", ""},
                {"use other topic names", "--topic-prefix=PREFIX"}}}
        .ToError();
  }
  const auto config = cluster->TopicConfig(topic);
  if (!config) {
    spdlog::warn(
        "Cannot check that topic {} is compacted: no right to read its settings "
        "(DescribeConfigs)",
        topic);
    return std::nullopt;
  }
  const auto policy = config->find("cleanup.policy");
  if (policy != config->end() && policy->second != "compact") {
    throw Halt{ExitCode::kHaltKafka,
               "checkpoint-topic",
               fmt::format("The checkpoint topic \"{}\" has cleanup.policy={}.", topic,
                           Printable(policy->second)),
               "Kafka would delete the record of what was published.",
               {{"make it compacted",
                 fmt::format("kafka-configs.sh --alter --entity-type topics --entity-name {} "
                             "--add-config cleanup.policy=compact",
                             topic)}}}
        .ToError();
  }
  return NumberIn(*config, "max.message.bytes");
}

}  // namespace

NewestCheckpoint ReadNewestCheckpoint(KafkaCluster* cluster, const std::string& topic,
                                      std::optional<int64_t> claims_from) {
  NewestCheckpoint newest;
  const std::optional<int32_t> partitions = cluster->PartitionCount(topic);
  if (!partitions) return newest;
  newest.topic_exists = true;
  newest.message_bytes_max = CheckTopic(cluster, topic, *partitions);
  const TopicPartition partition{topic, 0};
  const auto stored = cluster->Offsets(std::span(&partition, 1)).front();
  if (!stored) throw TransientError(fmt::format("Topic {} is being deleted", topic));
  newest.next_offset = stored->high;
  CheckpointSearch search(cluster, partition, claims_from);
  newest.checkpoint = search.Run(*stored);
  newest.claims = search.Claims();
  return newest;
}

CheckpointState StateOf(const std::optional<Checkpoint>& newest, const std::string& cluster_id) {
  CheckpointState state;
  state.kind = newest ? CheckpointState::Kind::kPresent : CheckpointState::Kind::kAbsent;
  state.cluster_id = cluster_id;
  if (!newest) return state;
  state.lineage = newest->lineage;
  state.source = newest->source;
  state.progress = newest->progress;
  return state;
}

CheckpointState FetchCheckpoint(KafkaCluster* cluster, const PublishOptions& options,
                                const Source& source) {
  const std::string cluster_id = cluster->ClusterId();
  const auto producer = cluster->CreateProducer({.transactional_id = TransactionalId(source)});
  producer->InitTransactions();
  const std::string topic = CheckpointTopic(options.topic_prefix, source);
  return StateOf(ReadNewestCheckpoint(cluster, topic).checkpoint, cluster_id);
}

}  // namespace bw
