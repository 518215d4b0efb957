#include "publish/checkpoint_offsets.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace bw {

CheckpointOffsets::CheckpointOffsets(NextOffsets next, size_t record_bytes_max,
                                     const std::vector<CheckpointPart>& newest)
    : next_(std::move(next)), writer_(record_bytes_max, newest) {
  for (const auto& [partition, offset] : next_) writer_.Set(partition, offset);
}

void CheckpointOffsets::Set(const TopicPartition& partition, int64_t next) {
  next_[partition] = next;
  writer_.Set(partition, next);
}

void CheckpointOffsets::Advance(const TopicPartition& partition, int64_t next) {
  const auto known = next_.find(partition);
  if (known != next_.end() && next < known->second) {
    throw TransientError(fmt::format("Topic {} partition {} has gone back from offset {} to {}",
                                     partition.topic, partition.partition, known->second, next));
  }
  Set(partition, next);
}

std::vector<CheckpointWriter::Record> CheckpointOffsets::Encode(Checkpoint head,
                                                                const TornRecords& torn) {
  const bool is_hidden = torn.HasBeyond(head.progress.position);
  for (const auto& [partition, from] : torn.from()) {
    writer_.Set(partition, is_hidden ? from : next_.at(partition));
  }
  return writer_.Encode(std::move(head));
}

}  // namespace bw
