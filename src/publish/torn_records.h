#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "base/lsn.h"
#include "publish/kafka.h"
#include "spool/ledger.h"

namespace bw {

// What a record's headers say that it is: `lsn`, `op` and `ts`. A position alone is not enough: a
// key-changing update is two records at one position, told apart by `op`, and `ts` tells a record
// of ours from one that another relay wrote into the same topic.
struct RecordIdentity {
  Position position;
  char operation = 0;
  int64_t commit_time_ms = 0;
  friend auto operator<=>(const RecordIdentity&, const RecordIdentity&) = default;
};

// Nothing when the headers are not ours.
std::optional<RecordIdentity> ParseRecordIdentity(std::span<const MessageHeader> headers);

// Records of ours that Kafka has committed beyond the checkpoint: what is left of a torn
// transaction (KAFKA-17754). They are in the topics already, so they are skipped when their turn
// comes again.
//
// Kept record by record, not as a highest position per partition: that stays exact when a topic got
// more partitions meanwhile, or when somebody else writes to it.
class TornRecords {
 public:
  // A torn transaction holds no more messages than --transaction-max-messages allows. More than
  // this are somebody else's.
  static constexpr size_t kCountMax = 1'000'000;

  // `from` is an offset before all of them in that partition. Throws Halt kHaltKafka beyond
  // kCountMax, naming the partition.
  void Add(const RecordIdentity& record, const TopicPartition& where, int64_t from);
  bool empty() const { return records_.empty(); }
  size_t size() const { return records_.size(); }
  // Whether this record is one of them.
  bool Contains(const RecordIdentity& record) const { return records_.contains(record); }
  // Whether the turn of any comes after this position.
  bool HasBeyond(const Position& position) const {
    return !records_.empty() && records_.rbegin()->first.position > position;
  }
  // Each partition that holds any, with an offset before them.
  const NextOffsets& from() const { return from_; }
  // Everything up to here is covered by a checkpoint now.
  void ForgetThrough(const Position& position);

 private:
  // The value is how often it was found; more than once is worth a line in the log.
  std::map<RecordIdentity, int> records_;
  NextOffsets from_;
};

// Compares the offsets of the newest checkpoint, which covers everything up to `published`, with
// Kafka's, and moves `next_offsets` to the ends of the partitions; those that were deleted go. What
// lies between is the torn transaction. Throws Halt kHaltKafka when Kafka has fewer records than
// were committed, which `republish` allows: then it is noted in the ledger.
TornRecords LookBeyondCheckpoint(KafkaCluster* cluster, Ledger* ledger, const Position& published,
                                 bool republish, NextOffsets* next_offsets);

}  // namespace bw
