#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/stop.h"
#include "publish/kafka.h"
#include "publish/kafka_connection.h"

namespace bw {

// The views live as long as the message.
std::vector<MessageHeader> HeadersOf(const rd_kafka_message_t& message);

// `range` is where the record was read. The views live as long as the message.
CommittedRecord ToRecord(const rd_kafka_message_t& message, size_t range);

// Whether reading cannot go on after it. librdkafka restores lost connections by itself.
bool EndsReading(rd_kafka_resp_err_t error);

// A read_committed consumer of given partitions, with its own handle, in no group. Only included by
// the kafka_*.cc files.
class KafkaReader {
 public:
  KafkaReader(const KafkaSettings& settings, const Stop& stop);
  ~KafkaReader();

  // As KafkaCluster::ReadCommitted.
  void Read(std::span<const ReadRange> ranges,
            const std::function<void(const CommittedRecord&)>& visit);

  // Or partition by partition: Start each, then Next as often as wanted. An index is how many were
  // started before.
  void Start(const TopicPartition& partition, int64_t from);
  // The next message, the end of a partition, or an error, as librdkafka has it; nothing when none
  // arrives in this time.
  KafkaMessage Next(int timeout_ms);
  // No further messages are fetched of it; some may have arrived already.
  void End(size_t index);
  size_t IndexOf(const rd_kafka_message_t& message) const;
  const TopicPartition& NameOf(size_t index) const { return partitions_.at(index).name; }
  rd_kafka_t* handle() const { return handle_.get(); }
  const KafkaTrouble& trouble() const { return trouble_; }

 private:
  struct Partition {
    TopicPartition name;
    KafkaTopicObject topic;
    bool ended = false;
  };

  const Stop& stop_;
  KafkaTrouble trouble_;
  KafkaHandle handle_;
  KafkaQueue queue_;
  std::vector<Partition> partitions_;  // Those that were started.
};

// Follows one partition for as long as a publish session lives.
class LibrdkafkaFollower : public CommittedFollower {
 public:
  LibrdkafkaFollower(const KafkaSettings& settings, const Stop& stop,
                     const TopicPartition& partition, int64_t from);

  std::optional<CommittedRecord> Poll() override;

 private:
  KafkaReader reader_;
  KafkaMessage message_;  // What the last record's views point into.
};

}  // namespace bw
