#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "publish/checkpoint_format.h"
#include "publish/kafka.h"

namespace bw {

// Makes the records of one checkpoint after the other. While all offsets fit into one record, that
// is all there is to it. Beyond, they are spread over parts, and only those parts are written in
// which something has changed, so that a transaction's cost follows what it touches.
//
// Why a reader always finds the parts of the newest committed checkpoint, and no others:
// - A checkpoint names each of its parts by slot and checksum, and is the last record of its
//   transaction.
// - Each part has two slots, and each slot a key of its own. A part is written to the slot that the
//   newest committed checkpoint does not name. So compaction keeps what that one names, also when a
//   torn transaction (KAFKA-17754) has committed parts without the checkpoint that names them.
// Parts that no checkpoint names any more, because there were more parts once, stay in the topic.
//
// One for each publish session, because what it has made counts as committed: after any error the
// next session begins with what Kafka says. Not thread-safe.
class CheckpointWriter {
 public:
  struct Record {
    std::string key;
    std::string value;
  };

  // No record becomes larger than `record_bytes_max`, as far as that can be. `newest` are the parts
  // of the newest committed checkpoint.
  CheckpointWriter(size_t record_bytes_max, const std::vector<CheckpointPart>& newest);

  void Set(const TopicPartition& partition, int64_t next_offset);
  // The records of the next checkpoint in the order in which they must be produced. `head` says
  // everything but the offsets, which are those that were set.
  std::vector<Record> Encode(Checkpoint head);

 private:
  struct Part {
    NextOffsets offsets;
    bool changed = true;
    std::string crc32c;  // As it was written last.
  };

  size_t PartOf(const TopicPartition& partition) const;
  void SpreadOver(size_t parts);
  // At first. `bytes` is what all of it has in one record.
  size_t PartsFor(size_t bytes) const;
  // Nothing when a part is too large: then there are more parts now.
  std::optional<std::vector<Record>> EncodeParts(const Checkpoint& head);

  const size_t record_bytes_max_;
  std::vector<Part> parts_;  // One while it is not split, else a power of two.
  std::vector<char> slots_;  // Named by the newest checkpoint, by part.
};

}  // namespace bw
