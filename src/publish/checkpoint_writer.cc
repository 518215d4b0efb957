#include "publish/checkpoint_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "base/crc32c.h"
#include "base/error.h"

namespace bw {
namespace {

// So many neighbouring partitions of a topic share a part, which then has the topic's name once.
constexpr int32_t kBlockPartitions = 32;
// A part begins with this fraction of the limit, so that it can grow.
constexpr size_t kPartsPerRecordBytes = 8;
// Bytes in a checkpoint with parts: for the name of each part, and for everything else.
constexpr size_t kNameBytes = 12;
constexpr size_t kHeadBytes = 512;
constexpr size_t kPartsMax = 65'536;

char OtherSlot(char slot) { return slot == 'a' ? 'b' : 'a'; }

}  // namespace

CheckpointWriter::CheckpointWriter(size_t record_bytes_max,
                                   const std::vector<CheckpointPart>& newest)
    : record_bytes_max_(record_bytes_max), parts_(1) {
  for (const CheckpointPart& part : newest) slots_.push_back(part.slot);
}

void CheckpointWriter::Set(const TopicPartition& partition, int64_t next_offset) {
  Part& part = parts_[PartOf(partition)];
  const auto [entry, is_new] = part.offsets.try_emplace(partition, next_offset);
  part.changed = part.changed || is_new || entry->second != next_offset;
  entry->second = next_offset;
}

std::vector<CheckpointWriter::Record> CheckpointWriter::Encode(Checkpoint head) {
  if (parts_.size() == 1) {
    head.next_offsets.swap(parts_[0].offsets);
    std::string value = EncodeCheckpoint(head);
    head.next_offsets.swap(parts_[0].offsets);
    if (value.size() <= record_bytes_max_) return {{std::string(kCheckpointKey), std::move(value)}};
    SpreadOver(PartsFor(value.size()));
  }
  while (true) {
    auto records = EncodeParts(head);
    if (!records) continue;
    for (size_t i = 0; i < parts_.size(); ++i) {
      head.parts.push_back({slots_[i], parts_[i].crc32c});
    }
    records->push_back({std::string(kCheckpointKey), EncodeCheckpoint(head)});
    return *std::move(records);
  }
}

std::optional<std::vector<CheckpointWriter::Record>> CheckpointWriter::EncodeParts(
    const Checkpoint& head) {
  std::vector<std::pair<size_t, EncodedPart>> encoded;
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (!parts_[i].changed) continue;
    encoded.emplace_back(i, EncodeCheckpointPart(head, i, parts_.size(), parts_[i].offsets));
    // A single block cannot be spread further; Kafka refuses it if it is too large.
    if (encoded.back().second.value.size() > record_bytes_max_ &&
        parts_[i].offsets.size() > kBlockPartitions && parts_.size() < kPartsMax) {
      SpreadOver(2 * parts_.size());
      return std::nullopt;
    }
  }
  std::vector<Record> records;
  for (auto& [i, part] : encoded) {
    slots_[i] = OtherSlot(slots_[i]);
    parts_[i].changed = false;
    parts_[i].crc32c = std::move(part.crc32c);
    records.push_back({CheckpointPartKey(i, slots_[i]), std::move(part.value)});
  }
  return records;
}

size_t CheckpointWriter::PartOf(const TopicPartition& partition) const {
  if (parts_.size() == 1) return 0;
  const uint32_t block = static_cast<uint32_t>(partition.partition / kBlockPartitions);
  return Crc32c(fmt::format("{}/{}", partition.topic, block)) & (parts_.size() - 1);
}

size_t CheckpointWriter::PartsFor(size_t bytes) const {
  const size_t wanted = bytes * kPartsPerRecordBytes / record_bytes_max_;
  // The checkpoint, which names all parts, must fit, too.
  const size_t room = record_bytes_max_ - std::min(record_bytes_max_, kHeadBytes);
  const size_t nameable = std::bit_floor(std::max<size_t>(room / kNameBytes, 2));
  return std::clamp<size_t>(std::bit_ceil(wanted), 2, std::min(nameable, kPartsMax));
}

void CheckpointWriter::SpreadOver(size_t parts) {
  std::vector<Part> before = std::exchange(parts_, std::vector<Part>(parts));
  for (Part& part : before) {
    while (!part.offsets.empty()) {
      auto entry = part.offsets.extract(part.offsets.begin());
      parts_[PartOf(entry.key())].offsets.insert(std::move(entry));
    }
  }
  // Parts that the newest checkpoint does not name may take either slot.
  if (slots_.size() < parts) slots_.resize(parts, 'b');
}

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
  const bool is_hidden = torn.HasBeyond(PublishedOfAll(head.progress.position, head.held));
  for (const auto& [partition, from] : torn.from()) {
    writer_.Set(partition, is_hidden ? from : next_.at(partition));
  }
  return writer_.Encode(std::move(head));
}

}  // namespace bw
