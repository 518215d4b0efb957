#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "publish/kafka.h"
#include "spool/ledger.h"

namespace bw {

// What identifies a record, taken from its headers: `lsn`, `op` and `ts`. The position alone is not
// sufficient: a key-changing update is two records at one position, distinguished by `op`, and `ts`
// distinguishes our record from one that another relay wrote to the same topic.
struct RecordIdentity {
  Position position;
  char operation = 0;
  int64_t commit_time_ms = 0;
  friend auto operator<=>(const RecordIdentity&, const RecordIdentity&) = default;
};

// Nothing when the headers are not ours.
std::optional<RecordIdentity> ParseRecordIdentity(std::span<const MessageHeader> headers);

// Our records that Kafka has committed beyond the checkpoint: what is left of a torn transaction
// (KAFKA-17754). They are in the topics already, so they are skipped when their changes are
// published again.
//
// Kept record by record, not as a highest position per partition, to stay exact when a topic was
// given more partitions meanwhile, or when somebody else writes to it.
class TornRecords {
 public:
  // A torn transaction has at most --transaction-max-messages messages. If there are more than
  // this, somebody else wrote them.
  static constexpr size_t kCountMax = 1'000'000;

  // `from` is an offset before all torn records of that partition. Throws Halt kHaltKafka beyond
  // kCountMax, naming the partition.
  void Add(const RecordIdentity& record, const TopicPartition& where, int64_t from);
  bool empty() const { return records_.empty(); }
  size_t size() const { return records_.size(); }
  bool Contains(const RecordIdentity& record) const { return records_.contains(record); }
  // Whether any of them has a higher position.
  bool HasBeyond(const Position& position) const {
    return !records_.empty() && records_.rbegin()->first.position > position;
  }
  // The partitions that hold any, each with an offset before them.
  const NextOffsets& from() const { return from_; }
  // A committed checkpoint covers everything up to this position.
  void ForgetThrough(const Position& position);

 private:
  // The value is how often the record was found; more than once is an error worth logging.
  std::map<RecordIdentity, int> records_;
  NextOffsets from_;
};

// The topics that are no table's, and how this relay's records there are known: other relays with
// the same prefix write there, too, and two of one database have the same positions and times.
struct SharedTopics {
  std::string relay;  // The value of kRelayHeader.
  std::vector<std::string> names;
};

// What the newest checkpoint covers.
struct PublishedPositions {
  Position published;
  // Topics of which it covers less: those of held tables, and of what may come in their place.
  std::map<std::string, Position> by_topic;

  const Position& Of(const std::string& topic) const {
    const auto found = by_topic.find(topic);
    return found == by_topic.end() ? published : found->second;
  }
};

// Compares `next_offsets`, those of the newest checkpoint, which covers everything up to
// `published`, with Kafka's, and moves them to the ends of the partitions; those of deleted topics
// are removed. The records in between are the torn transaction. Throws Halt kHaltKafka when Kafka
// has fewer records than were committed; if `republish` allows that, the ledger notes it instead.
// A shared topic may be emptied by whoever has read it: that is only logged.
TornRecords LookBeyondCheckpoint(KafkaCluster* cluster, Ledger* ledger,
                                 const PublishedPositions& published, bool republish,
                                 const SharedTopics& shared, NextOffsets* next_offsets);

}  // namespace bw
