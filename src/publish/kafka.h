#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/lsn.h"
#include "base/parse_whole.h"

// Kafka as the publish session sees it. Two implementations: librdkafka (kafka_cluster.h) and the
// simulation's. Not thread-safe: everything belongs to the publish thread. Every call may block,
// but not beyond its own timeout or a few seconds after a stop. Unless a method says otherwise, a
// failure is a transient Error: the session ends and starts again from what Kafka has committed.

namespace bw {

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// Partition -> the offset after the last record known there.
using NextOffsets = std::map<TopicPartition, int64_t>;

struct MessageHeader {
  std::string_view name;
  std::string_view value;
};

// A topic opened by one producer, valid for that producer's lifetime.
struct TopicHandle {
  uint32_t index = 0;
};

struct OpenedTopic {
  TopicHandle handle;
  int32_t partitions = 0;
};

// Everything is copied before Produce returns.
struct OutgoingMessage {
  TopicHandle topic;
  int32_t partition = 0;
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::span<const MessageHeader> headers;
};

// The brokers refuse a message, or the batch that it is in, because it exceeds the topic's limit.
// Transient, because a new session asks for the limit again.
class TooLargeError : public Error {
 public:
  TooLargeError(const std::string& what, std::string topic, size_t bytes)
      : Error(ErrorKind::kTransient, what), topic_(std::move(topic)), bytes_(bytes) {}
  const std::string& topic() const { return topic_; }
  size_t bytes() const { return bytes_; }  // The message's key and value.

 private:
  std::string topic_;
  size_t bytes_;
};

// The brokers refuse a message for a reason other than its size: its timestamp, the topic's
// configuration, or a broker policy. Transient, because somebody may change the rule; until then
// every session is refused the same message.
class RefusedMessageError : public Error {
 public:
  RefusedMessageError(const std::string& what, std::string topic, std::optional<Position> position)
      : Error(ErrorKind::kTransient, what), topic_(std::move(topic)), position_(position) {}
  const std::string& topic() const { return topic_; }
  // Of the message, or of the first one of its batch; nothing when it is not a table's message.
  const std::optional<Position>& position() const { return position_; }

 private:
  std::string topic_;
  std::optional<Position> position_;
};

// One producer's life with a transactional.id. Any exception, and any doubt, ends it: destroy it
// and make a new one, whose InitTransactions aborts what is open. Nothing resumes after an abort.
//
//   InitTransactions, then repeatedly: Begin, Produce..., Flush, Produce, Flush, Commit, Doubt
class TransactionalProducer {
 public:
  // A transaction that is open now is aborted, at the latest by the next InitTransactions.
  virtual ~TransactionalProducer() = default;

  // Fences every older producer of this transactional.id and waits until its open transaction is
  // committed or aborted. From then on nothing it wrote can change.
  virtual void InitTransactions() = 0;
  // Waits until the topics' partitions are known here. The topics exist, or RequestTopics was
  // granted. Also allowed within a transaction. Results are in the order of `topics`.
  virtual std::vector<OpenedTopic> OpenTopics(std::span<const std::string> topics) = 0;
  OpenedTopic OpenTopic(const std::string& topic) {
    return OpenTopics(std::span(&topic, 1)).front();
  }
  virtual void Begin() = 0;
  // Queues the message; waits while the queue is full.
  virtual void Produce(const OutgoingMessage& message) = 0;
  // Waits until every message produced so far is written, and records for each partition written
  // since Begin the offset after its last message. Throws if any message failed: TooLargeError
  // because of its size, RefusedMessageError when the brokers refuse it for another reason.
  virtual void Flush(NextOffsets* next_offsets) = 0;
  // Returns when the transaction is committed. After an exception it is in doubt: committed or not.
  virtual void Commit() = 0;
  // Why a request of the last transaction may still be in flight, or may have been applied twice;
  // nothing when neither is possible. Ask after Commit: such a request can end the *next*
  // transaction of this epoch (KAFKA-17754, KIP-890), so there must be none.
  virtual std::optional<std::string> Doubt() const = 0;
  // The largest message: key, value and headers together.
  virtual size_t message_bytes_max() const = 0;
};

struct ProducerOptions {
  std::string transactional_id;
  // Told why, now and then, while Flush and Commit wait for brokers that do not answer: seconds
  // after they fell silent, and on the thread that calls them. May be empty.
  std::function<void(const std::string& why)> on_silence = {};
  // Of a record batch; topics with a smaller max.message.bytes refuse bigger ones.
  size_t batch_bytes_max = 1'000'000;
  // Of a message that is alone in its batch, unless --kafka-config has another message.max.bytes.
  size_t message_bytes_max = 1'000'000;
};

using TopicConfigMap = std::map<std::string, std::string>;
// Of a setting that is a number; nothing when it is not there.
inline std::optional<size_t> NumberIn(const TopicConfigMap& config, const std::string& name) {
  const auto found = config.find(name);
  return found == config.end() ? std::nullopt : ParseWhole<size_t>(found->second);
}

struct TopicSpec {
  std::string name;
  int32_t partitions = -1;   // -1: the broker's default.
  int32_t replication = -1;  // -1: the broker's default.
  TopicConfigMap config;
};

// The offsets in a partition: `low` inclusive to `high` exclusive. `high` is the high watermark,
// which uncommitted and control records count towards.
struct StoredOffsets {
  int64_t low = 0;
  int64_t high = 0;
};

struct ReadRange {
  TopicPartition partition;
  int64_t from = 0;
  int64_t to = 0;  // Exclusive.
};

// The views live until the visitor returns, or until the follower's next Poll.
struct CommittedRecord {
  size_t range = 0;  // Which of the ranges asked for; 0 for a follower.
  int64_t offset = 0;
  int64_t timestamp_ms = -1;  // Since 1970-01-01 UTC, as the topic has it; -1 without one.
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::vector<MessageHeader> headers;
};

// Follows one partition as a read_committed consumer does.
class CommittedFollower {
 public:
  virtual ~CommittedFollower() = default;
  // The next record that has already arrived, without waiting; nothing when there is none now.
  virtual std::optional<CommittedRecord> Poll() = 0;
};

class KafkaCluster {
 public:
  virtual ~KafkaCluster() = default;

  // Also the probe for whether any broker can be reached.
  virtual std::string ClusterId() = 0;

  // A question about several topics takes as few requests as Kafka allows; answers are in the
  // order of the topics.

  // Nothing for topics that do not exist.
  virtual std::vector<std::optional<int32_t>> PartitionCounts(
      std::span<const std::string> topics) = 0;
  // Returns when the brokers have accepted the request to create the topics; WaitForTopics, and a
  // producer's OpenTopics, wait until the topics are usable. Topics that exist are accepted. Per
  // topic, why the brokers refuse it: a usage error for its configuration, a row error for its
  // name.
  virtual std::vector<std::optional<Error>> RequestTopics(std::span<const TopicSpec> specs) = 0;
  // Why the brokers would refuse to create this topic, which is not created: a usage error for its
  // configuration, a transient one for more replicas than there are brokers. Nothing when they
  // would create it, or it exists. Throws a transient Error when they cannot tell, because we lack
  // the right, or because they have a policy of their own, which may be about the name.
  virtual std::optional<Error> RefusalOf(const TopicSpec& spec) = 0;
  // Returns when these accepted topics are known to the brokers.
  virtual void WaitForTopics(std::span<const std::string> topics) = 0;
  // The topics' settings; nothing when we lack the right to read them.
  virtual std::vector<std::optional<TopicConfigMap>> TopicConfigs(
      std::span<const std::string> topics) = 0;

  // The same for one topic; CreateTopic throws the refusal, and waits for the topic.
  std::optional<int32_t> PartitionCount(const std::string& topic) {
    return PartitionCounts(std::span(&topic, 1)).front();
  }
  void CreateTopic(const TopicSpec& spec) {
    if (const auto refusal = RequestTopics(std::span(&spec, 1)).front()) throw *refusal;
    WaitForTopics(std::span(&spec.name, 1));
  }
  std::optional<TopicConfigMap> TopicConfig(const std::string& topic) {
    return TopicConfigs(std::span(&topic, 1)).front();
  }

  // In the order of `partitions`; nothing for those that do not exist. Waits until newly created
  // partitions have a leader.
  virtual std::vector<std::optional<StoredOffsets>> Offsets(
      std::span<const TopicPartition> partitions) = 0;

  virtual std::unique_ptr<TransactionalProducer> CreateProducer(const ProducerOptions& options) = 0;
  // Visits every committed record of each range in offset order; returns when every range was read
  // to its end. The end is a position, not a record: control records and aborted ones take offsets
  // too. `from` must not be below the partition's low offset.
  virtual void ReadCommitted(std::span<const ReadRange> ranges,
                             const std::function<void(const CommittedRecord&)>& visit) = 0;
  virtual std::unique_ptr<CommittedFollower> Follow(const TopicPartition& partition,
                                                    int64_t from) = 0;
};

}  // namespace bw
