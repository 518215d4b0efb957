#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "publish/checkpoint_format.h"
#include "publish/kafka.h"
#include "publish/torn_records.h"

namespace bw {

// Encodes one checkpoint after another. As long as all offsets fit into one record, a checkpoint is
// one record. Beyond that they are spread over parts, and only the parts that have changed are
// written, so that a transaction's cost depends on what it touches.
//
// Why a reader always finds the parts of the newest committed checkpoint, and no others:
// - A checkpoint names each of its parts by slot and checksum, and is the last record of its
//   transaction.
// - Each part has two slots, each with its own key. A part is written to the slot that the newest
//   committed checkpoint does not name. So compaction keeps the parts that checkpoint names, even
//   when a torn transaction (KAFKA-17754) has committed parts without their checkpoint.
// Parts that no checkpoint names any more, because there once were more of them, stay in the topic.
//
// One per publish session, because everything encoded counts as committed: after any error the
// next session begins with what Kafka has committed. Not thread-safe.
class CheckpointWriter {
 public:
  struct Record {
    std::string key;
    std::string value;
  };

  // Keeps records within `record_bytes_max` as far as possible. `newest` are the parts of the
  // newest committed checkpoint.
  CheckpointWriter(size_t record_bytes_max, const std::vector<CheckpointPart>& newest);

  void Set(const TopicPartition& partition, int64_t next_offset);
  // The records of the next checkpoint, in the order in which they must be produced. `head` has
  // everything but the offsets, which come from Set.
  std::vector<Record> Encode(Checkpoint head);

 private:
  struct Part {
    NextOffsets offsets;
    bool changed = true;
    std::string crc32c;  // Of its newest record.
  };

  size_t PartOf(const TopicPartition& partition) const;
  void SpreadOver(size_t parts);
  // How many parts to begin with when a single record would take `bytes`.
  size_t PartsFor(size_t bytes) const;
  // Nothing when a part was too large: the offsets are then spread over more parts, to be tried
  // again.
  std::optional<std::vector<Record>> EncodeParts(const Checkpoint& head);

  const size_t record_bytes_max_;
  std::vector<Part> parts_;  // One while the checkpoint is not split, else a power of two.
  std::vector<char> slots_;  // By part, the slot that the newest checkpoint names.
};

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
