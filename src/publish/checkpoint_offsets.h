#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "publish/checkpoint_writer.h"
#include "publish/kafka.h"
#include "publish/torn_records.h"

namespace bw {

// The next offset of every partition ever written to, as the next checkpoint tells it. Belongs to
// one publish session.
class CheckpointOffsets {
 public:
  // `next` is what the newest checkpoint says, moved past what lies beyond it; the other two are
  // CheckpointWriter's.
  CheckpointOffsets(NextOffsets next, size_t record_bytes_max,
                    const std::vector<CheckpointPart>& newest);

  bool Knows(const TopicPartition& partition) const { return next_.contains(partition); }
  void Set(const TopicPartition& partition, int64_t next);
  // As Set, of what was just written there. Throws a transient Error when that is before what was
  // written earlier: somebody has made the topic again. The next session's look tells what is lost.
  void Advance(const TopicPartition& partition, int64_t next);
  // As CheckpointWriter::Encode. Offsets after a torn record would hide it from the next session,
  // which has to skip it too: as long as any is beyond `head`, its partitions' offsets stay before
  // it.
  std::vector<CheckpointWriter::Record> Encode(Checkpoint head, const TornRecords& torn);

 private:
  NextOffsets next_;
  CheckpointWriter writer_;
};

}  // namespace bw
