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

// A read_committed consumer of given partitions, with its own handle, in no group. Only included by
// the kafka_*.cc files.
class KafkaReader {
 public:
  KafkaReader(const KafkaSettings& settings, const Stop& stop);
  ~KafkaReader();

  // As KafkaCluster::ReadCommitted.
  void Read(std::span<const ReadRange> ranges,
            const std::function<void(const CommittedRecord&)>& visit);

 private:
  friend class LibrdkafkaFollower;
  struct Partition {
    TopicPartition name;
    KafkaTopicObject topic;
  };

  void Start(const TopicPartition& partition, int64_t from);
  size_t IndexOf(const rd_kafka_message_t& message) const;
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
