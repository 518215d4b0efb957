#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/lsn.h"
#include "publish/kafka.h"
#include "spool/scratch_set.h"

namespace bw {

// The keys that need a tombstone: topics still hold them, and a snapshot does not.
//
//   for each topic of the snapshot: AddTopic
//   for each row of the snapshot: AddRow
//   ReadTopics
//   Next, until there is none
//
// Kept on disk, in a ScratchSet, so that memory use does not grow with the topics:
//   entry := topic: fixed32 | size of key: fixed32 | key | place: fixed32
// where place is 0 for a row of the snapshot, and 1 + the partition for a live key of the topic.
// The entries of a key are adjacent, its snapshot row first. A key that the snapshot has gets no
// tombstone in any partition: a topic that was given more partitions may hold it in two.
class LeftoverKeys {
 public:
  // A live key that the snapshot does not have. `topic` is an index from AddTopic.
  struct Leftover {
    size_t topic = 0;
    int32_t partition = 0;
    std::string_view key;  // Valid until the next call.
  };

  // Records at `tombstones_lsn` are tombstones of this snapshot that an earlier session published.
  LeftoverKeys(KafkaCluster* cluster, std::unique_ptr<ScratchSet> entries, Lsn tombstones_lsn);

  // Notes where the topic ends now. Nothing when it does not exist or has no records.
  std::optional<size_t> AddTopic(const std::string& name);
  void AddRow(size_t topic, std::string_view key);
  // Gives no leftovers of this topic, because the snapshot's keys in it are not all known.
  void LeaveAlone(size_t topic) { left_alone_.insert(topic); }
  // Reads every topic from its beginning to where it ended when it was added.
  void ReadTopics();
  std::optional<Leftover> Next();

  const std::string& topic(size_t index) const { return topics_[index]; }
  // One more than the highest index of the tombstones that ReadTopics found.
  uint64_t next_tombstone_index() const { return next_tombstone_index_; }

 private:
  void Visit(size_t range, const CommittedRecord& record);

  KafkaCluster* const cluster_;
  const std::unique_ptr<ScratchSet> entries_;
  const Lsn tombstones_lsn_;
  std::vector<std::string> topics_;
  std::vector<ReadRange> ranges_;
  std::vector<size_t> range_topics_;  // Of each range, the topic's index.
  std::set<size_t> left_alone_;
  uint64_t next_tombstone_index_ = 0;
  std::string entry_;    // Reused.
  std::string present_;  // The last snapshot entry that Next() met, without its place.
};

}  // namespace bw
