#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "publish/checkpoint_writer.h"
#include "publish/kafka.h"
#include "publish/torn_records.h"

namespace bw {

// The next offset of every partition ever written to, as the next checkpoint will record it.
// Belongs to one publish session.
class CheckpointOffsets {
 public:
  // `next` has the newest checkpoint's offsets, advanced past the records found beyond it; the
  // other two are CheckpointWriter's.
  CheckpointOffsets(NextOffsets next, size_t record_bytes_max,
                    const std::vector<CheckpointPart>& newest);

  bool Knows(const TopicPartition& partition) const { return next_.contains(partition); }
  void Set(const TopicPartition& partition, int64_t next);
  // Like Set, after a write to the partition. Throws a transient Error when `next` is lower than
  // before: somebody has recreated the topic, and the next session finds out what was lost.
  void Advance(const TopicPartition& partition, int64_t next);
  // Like CheckpointWriter::Encode. An offset after a torn record would hide it from the next
  // session, which has to skip it too: while any torn record is beyond `head`, the offsets of the
  // partitions that hold torn records stay before them.
  std::vector<CheckpointWriter::Record> Encode(Checkpoint head, const TornRecords& torn);

 private:
  NextOffsets next_;
  CheckpointWriter writer_;
};

}  // namespace bw
