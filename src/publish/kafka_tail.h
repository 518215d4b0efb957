#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "publish/kafka.h"
#include "publish/publish_options.h"

// What `bottledwater tail` needs of Kafka and a relay does not: many partitions at once, positions
// by time, and the offsets of a consumer group. KafkaCluster has the rest.
//
// Not thread-safe. Every call may block, but not beyond its own timeout or a few seconds after a
// stop. A failure is a transient Error unless a method says otherwise.

namespace bw {

// Something that has arrived from a partition; the record's `range` says from which one.
struct TailArrival {
  // There is nothing more for now: `record` is none, but its offset is the position reached, after
  // all control records and aborted ones.
  bool is_end = false;
  CommittedRecord record;
};

// A read_committed consumer of many partitions, in no group.
class KafkaTail {
 public:
  // Does not connect. Throws a usage Error when librdkafka refuses the properties.
  KafkaTail(const PublishOptions& options, const Stop& stop);
  ~KafkaTail();

  // All topics with their numbers of partitions.
  std::map<std::string, int32_t> Topics();
  // Where reading ends for now: the last stable offset, at which an open transaction begins.
  std::vector<int64_t> Ends(std::span<const TopicPartition> partitions);
  // Of the first record that is not older, in milliseconds since 1970-01-01 UTC; the end without
  // one.
  std::vector<int64_t> OffsetsAt(std::span<const TopicPartition> partitions, int64_t time_ms);

  // Begins to read a partition; the first one has index 0. Offsets must be within what there is.
  void Start(const TopicPartition& partition, int64_t from);
  // No more is wanted of it; some may arrive still.
  void End(size_t index);
  // What arrives next, of any partition; nothing when nothing arrives in this time. The views live
  // until the next call. Lost connections are restored without a word. Throws a halt Error when the
  // offset to be read is gone, or we lack a right.
  std::optional<TailArrival> Next(Duration timeout);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// The offsets that a consumer group has stored. We do not join the group: partitions are chosen by
// who reads, and nothing is rebalanced.
class GroupOffsets {
 public:
  // Does not connect. Throws a usage Error when librdkafka refuses the properties.
  GroupOffsets(const PublishOptions& options, const std::string& group, const Stop& stop);
  ~GroupOffsets();

  // The stored offsets; nothing where none is. Both throw a halt Error when we lack the right.
  std::vector<std::optional<int64_t>> Stored(std::span<const TopicPartition> partitions);
  // Returns when the brokers have stored them. Throws a usage Error while others have joined the
  // group.
  void Store(const NextOffsets& offsets);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bw
