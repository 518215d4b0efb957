#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "publish/kafka.h"

namespace bw {

// Up to which offset the messages of each partition have been written as lines, for a group that
// stores no offset before all lines below it were written. Pure. Not thread-safe.
class WrittenOffsets {
 public:
  // All of this partition below `next` is written once the output has this many bytes, which is not
  // less than at the call before.
  void Expect(const TopicPartition& partition, int64_t next, uint64_t output_bytes);
  // The output has this many bytes now. Lines of which only a part was written do not count.
  void NoteWritten(uint64_t output_bytes);
  // A topic that there is no more: nothing is stored for it.
  void Forget(const std::string& topic);

  // What was written, and not noted as stored.
  NextOffsets Unstored() const;
  void NoteStored(const NextOffsets& offsets);

 private:
  struct Expected {
    TopicPartition partition;
    int64_t next = 0;
    uint64_t output_bytes = 0;
  };

  std::deque<Expected> expected_;  // By output_bytes.
  NextOffsets written_;
  NextOffsets stored_;
};

}  // namespace bw
