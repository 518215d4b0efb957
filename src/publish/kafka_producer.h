#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/stop.h"
#include "publish/kafka.h"
#include "publish/kafka_connection.h"
#include "publish/request_audit.h"

namespace bw {

// A transactional producer of librdkafka. Only included by the kafka_*.cc files.
//
// Delivery reports arrive in a callback that runs within our own calls (librdkafka calls it from
// rd_kafka_poll and rd_kafka_flush). It records facts, and Flush acts on them.
class LibrdkafkaProducer : public TransactionalProducer {
 public:
  LibrdkafkaProducer(const KafkaSettings& settings, const ProducerOptions& options,
                     const Stop& stop);
  ~LibrdkafkaProducer() override;

  void InitTransactions() override;
  std::vector<OpenedTopic> OpenTopics(std::span<const std::string> topics) override;
  void Begin() override;
  void Produce(const OutgoingMessage& message) override;
  void Flush(NextOffsets* next_offsets) override;
  void Commit() override;
  std::optional<std::string> Doubt() const override;
  size_t message_bytes_max() const override { return message_bytes_max_; }

 private:
  struct Topic {
    std::string name;
    KafkaTopicObject object;
    int32_t partitions = 0;
    // By partition; -1 where this transaction has written nothing yet.
    std::vector<int64_t> next_offsets;
  };

  // A topic of this handle, its partitions not yet known.
  std::unique_ptr<Topic> NewTopic(const std::string& name);
  // Asks once for the partitions of these topics. Returns why some are not known yet, if any.
  std::string AskForPartitions(std::span<const std::unique_ptr<Topic>> topics);
  void RecordDelivery(const rd_kafka_message_t& message);
  void ThrowIfDeliveryFailed() const;
  void ThrowIfTopicIsDeleted() const;
  void ThrowIfHopeless(TimePoint waiting_since) const;
  // Tells on_silence when the brokers have been silent for too long.
  void TellSilence(TimePoint silent_since) const;
  Error Failure(const std::string& operation, rd_kafka_error_t* error) const;
  // Whether a wait of the session's start that began at `since` must end.
  bool StartTakesTooLong(TimePoint since) const;
  // Whether a wait that began at `since` must end: a stop was requested and its grace time is over.
  bool MustLeave(TimePoint since) const;

  const Stop& stop_;
  const std::string transactional_id_;
  const std::function<void(const std::string& why)> on_silence_;
  KafkaTrouble trouble_;
  RequestAudit audit_;
  std::vector<std::unique_ptr<Topic>> topics_;
  // Messages of this transaction.
  size_t produced_ = 0;
  size_t delivered_ = 0;
  std::optional<std::string> delivery_failure_;  // The first one.
  std::optional<TooLargeError> too_large_;       // Set when a message's size caused it, ...
  std::optional<RefusedMessageError> refused_;   // ... or anything else about the message.
  bool commit_interrupted_ = false;
  bool may_abort_ = false;  // A transaction is open, and its commit was not tried.
  size_t message_bytes_max_ = 0;
  Duration transaction_timeout_{};
  KafkaHandle handle_;  // Last, so destroyed first: its threads use members above.
};

}  // namespace bw
