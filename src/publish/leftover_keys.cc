#include "publish/leftover_keys.h"

#include <algorithm>
#include <span>

#include "base/bytes.h"
#include "publish/torn_records.h"

namespace bw {
namespace {

constexpr uint32_t kInSnapshot = 0;
constexpr size_t kPlaceSize = 4;
// Every partition being read has a queue of fetched records in memory.
constexpr size_t kRangesAtATime = 16;

void EncodeEntry(size_t topic, std::string_view key, uint32_t place, std::string* out) {
  out->clear();
  AppendU32(out, static_cast<uint32_t>(topic));
  AppendU32(out, static_cast<uint32_t>(key.size()));
  out->append(key);
  AppendU32(out, place);
}

}  // namespace

LeftoverKeys::LeftoverKeys(KafkaCluster* cluster, std::unique_ptr<ScratchSet> entries,
                           Lsn tombstones_lsn)
    : cluster_(cluster), entries_(std::move(entries)), tombstones_lsn_(tombstones_lsn) {}

std::optional<size_t> LeftoverKeys::AddTopic(const std::string& name) {
  const std::optional<int32_t> partitions = cluster_->PartitionCount(name);
  if (!partitions) return std::nullopt;
  std::vector<TopicPartition> all;
  for (int32_t partition = 0; partition < *partitions; ++partition) {
    all.push_back({name, partition});
  }
  const auto stored = cluster_->Offsets(all);
  bool any = false;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!stored[i] || stored[i]->low >= stored[i]->high) continue;
    ranges_.push_back({all[i], stored[i]->low, stored[i]->high});
    range_topics_.push_back(topics_.size());
    any = true;
  }
  if (!any) return std::nullopt;
  topics_.push_back(name);
  return topics_.size() - 1;
}

void LeftoverKeys::AddRow(size_t topic, std::string_view key) {
  EncodeEntry(topic, key, kInSnapshot, &entry_);
  entries_->Add(entry_);
}

void LeftoverKeys::ReadTopics() {
  const std::span<const ReadRange> all = ranges_;
  for (size_t first = 0; first < all.size(); first += kRangesAtATime) {
    const size_t count = std::min(kRangesAtATime, all.size() - first);
    cluster_->ReadCommitted(all.subspan(first, count), [&](const CommittedRecord& record) {
      Visit(first + record.range, record);
    });
  }
}

void LeftoverKeys::Visit(size_t range, const CommittedRecord& record) {
  if (!record.key) return;
  const auto place = 1 + static_cast<uint32_t>(ranges_[range].partition.partition);
  EncodeEntry(range_topics_[range], *record.key, place, &entry_);
  if (record.value) {
    entries_->Add(entry_);
    return;
  }
  entries_->Remove(entry_);
  const auto identity = ParseRecordIdentity(record.headers);
  if (identity && identity->position.commit_lsn == tombstones_lsn_) {
    next_tombstone_index_ = std::max(next_tombstone_index_, identity->position.index + 1);
  }
}

std::optional<LeftoverKeys::Leftover> LeftoverKeys::Next() {
  std::string_view entry;
  while (entries_->Next(&entry)) {
    ByteReader reader(entry, "entry of leftover keys");
    Leftover leftover;
    leftover.topic = reader.ReadU32();
    leftover.key = reader.ReadBytes(reader.ReadU32());
    const uint32_t place = reader.ReadU32();
    const std::string_view without_place = entry.substr(0, entry.size() - kPlaceSize);
    if (place == kInSnapshot) {
      present_ = without_place;
    } else if (without_place != present_ && !left_alone_.contains(leftover.topic)) {
      leftover.partition = static_cast<int32_t>(place - 1);
      return leftover;
    }
  }
  return std::nullopt;
}

}  // namespace bw
