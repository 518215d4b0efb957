#include "publish/torn_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/halt.h"
#include "base/log.h"
#include "base/parse_whole.h"
#include "publish/message_encoder.h"
#include "spool/change.h"

namespace bw {

std::optional<RecordIdentity> ParseRecordIdentity(std::span<const MessageHeader> headers) {
  std::optional<Position> position;
  std::optional<char> operation;
  std::optional<int64_t> commit_time_ms;
  for (const auto& [name, value] : headers) {
    if (name == "lsn") {
      position = Position::Parse(value);
    } else if (name == "op") {
      if (value.size() == 1) operation = value[0];
    } else if (name == "ts") {
      if (const auto number = ParseWhole<int64_t>(value)) commit_time_ms = number;
    }
  }
  if (!position || !operation || !commit_time_ms) return std::nullopt;
  return RecordIdentity{*position, *operation, *commit_time_ms};
}

void TornRecords::Add(const RecordIdentity& record, const TopicPartition& where, int64_t from) {
  from_.emplace(where, from);
  if (records_.size() >= kCountMax) {
    throw Halt{ExitCode::kHaltKafka,
               "foreign-records",
               fmt::format("Topic \"{}\" partition {} holds more than {} records with our headers "
                           "that this relay did not publish.",
                           where.topic, where.partition, kCountMax),
               "Another relay writes to the same topics.",
               {{"give each relay topics of its own", "--topic-prefix=PREFIX"}}}
        .ToError();
  }
  if (++records_[record] == 2) {
    spdlog::error(
        "Change {} is in Kafka twice (seen in topic {} partition {}): consumers need to "
        "drop one by its lsn header",
        record.position.ToString(), where.topic, where.partition);
  }
}

void TornRecords::ForgetThrough(const Position& position) {
  while (!records_.empty() && records_.begin()->first.position <= position) {
    records_.erase(records_.begin());
  }
  if (records_.empty()) from_.clear();
}

namespace {

// What was committed and is gone, where the partition ends before `next`; no `end` means that the
// topic no longer has such a partition.
void AccountForLost(const TopicPartition& partition, int64_t next, std::optional<int64_t> end,
                    bool republish, Ledger* ledger) {
  if (end.value_or(0) >= next) return;
  const std::string finding = fmt::format(
      "Kafka has lost committed records: topic {} {}, but records before offset {} were committed.",
      partition.topic,
      end ? fmt::format("partition {} ends at offset {}", partition.partition, *end)
          : fmt::format("has no partition {} any more", partition.partition),
      next);
  if (!republish) {
    throw Halt{
        ExitCode::kHaltKafka,
        "records-lost",
        finding,
        "The topic was recreated or restored, or an unclean leader was elected.",
        {{"make the topics complete again from the database. Start once, with the same "
          "options, as",
          "bottledwater resnapshot"},
         {"go on without what was lost. Start with the same options and once with", "--republish"}}}
        .ToError();
  }
  spdlog::warn("Going on by --republish. {}", finding);
  ledger->NoteRemedy("republish: " + finding);
}

// Of the partitions that Kafka does not have: only a topic that is gone as a whole is made again.
void AccountForMissing(KafkaCluster* cluster, std::span<const TopicPartition> missing,
                       bool republish, Ledger* ledger, NextOffsets* next_offsets) {
  std::vector<std::string> topics;
  for (const TopicPartition& partition : missing) topics.push_back(partition.topic);
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  const auto counts = cluster->PartitionCounts(topics);
  for (size_t i = 0; i < topics.size(); ++i) {
    if (counts[i]) continue;
    spdlog::warn("Topic {} was deleted; it is created again with its next row", topics[i]);
  }
  for (const TopicPartition& partition : missing) {
    const auto topic = std::ranges::find(topics, partition.topic) - topics.begin();
    const std::optional<int32_t> count = counts[static_cast<size_t>(topic)];
    if (count && partition.partition < *count) {
      throw TransientError("Topic " + partition.topic + " is just being made again");
    }
    if (count) {
      AccountForLost(partition, next_offsets->at(partition), std::nullopt, republish, ledger);
    }
    next_offsets->erase(partition);
  }
}

// Shared topics that end before what was committed there.
void ForgetEmptied(KafkaCluster* cluster, const SharedTopics& shared, NextOffsets* next_offsets) {
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, offset] : *next_offsets) {
    if (std::ranges::count(shared.names, partition.topic) != 0) partitions.push_back(partition);
  }
  if (partitions.empty()) return;
  const auto stored = cluster->Offsets(partitions);
  for (size_t i = 0; i < partitions.size(); ++i) {
    if (stored[i] && stored[i]->high >= next_offsets->at(partitions[i])) continue;
    spdlog::warn("Topic {} partition {} was emptied, or made again: what it held is gone",
                 partitions[i].topic, partitions[i].partition);
    next_offsets->erase(partitions[i]);
  }
}

bool IsOfAnotherRelay(std::span<const MessageHeader> headers, std::string_view relay) {
  return std::ranges::any_of(headers, [&](const MessageHeader& header) {
    return header.name == kRelayHeader && header.value != relay;
  });
}

}  // namespace

TornRecords LookBeyondCheckpoint(KafkaCluster* cluster, Ledger* ledger,
                                 const PublishedPositions& published, bool republish,
                                 const SharedTopics& shared, NextOffsets* next_offsets) {
  TornRecords torn;
  ForgetEmptied(cluster, shared, next_offsets);
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, offset] : *next_offsets) partitions.push_back(partition);
  if (partitions.empty()) return torn;
  const auto stored = cluster->Offsets(partitions);

  std::vector<TopicPartition> missing;
  std::vector<ReadRange> ranges;
  for (size_t i = 0; i < partitions.size(); ++i) {
    const TopicPartition& partition = partitions[i];
    if (!stored[i]) {
      missing.push_back(partition);
      continue;
    }
    int64_t& next = next_offsets->at(partition);
    AccountForLost(partition, next, stored[i]->high, republish, ledger);
    const ReadRange range{partition, std::max(next, stored[i]->low), stored[i]->high};
    if (range.from < range.to) ranges.push_back(range);
    next = stored[i]->high;
  }
  AccountForMissing(cluster, missing, republish, ledger, next_offsets);
  cluster->ReadCommitted(ranges, [&](const CommittedRecord& record) {
    const auto identity = ParseRecordIdentity(record.headers);
    const ReadRange& range = ranges[record.range];
    if (!identity || identity->position <= published.Of(range.partition.topic)) return;
    if (IsOfAnotherRelay(record.headers, shared.relay)) return;
    // Tombstones of a TRUNCATE are known by their keys (truncate_purge.h).
    if (identity->operation == static_cast<char>(Operation::kTruncate)) return;
    torn.Add(*identity, range.partition, range.from);
  });
  if (!torn.empty()) {
    spdlog::warn(
        "Found {} messages of a torn transaction beyond the checkpoint at {}: a late EndTxn "
        "has committed them (KAFKA-17754). They are not published again.",
        torn.size(), published.published.ToString());
  }
  return torn;
}

}  // namespace bw
