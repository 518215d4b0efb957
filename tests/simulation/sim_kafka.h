#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/stop.h"
#include "publish/kafka.h"
#include "registry/schema_registry.h"
#include "simulation/random.h"
#include "simulation/sim_clock.h"

namespace bw::simulation {

// What can happen to a request, in thousandths.
struct KafkaFaults {
  uint64_t request_lost = 0;
  uint64_t request_late = 0;      // The sender gives up on it, and it arrives all the same.
  uint64_t request_repeated = 0;  // It arrives, and a copy of it later; but see the next.
  // Copies of EndTxn too. TCP makes none: a client that never sent two cannot know, and the copy
  // tears the next transaction.
  bool repeats_end = false;
  uint64_t answer_lost = 0;  // Applied, but the sender never knows.
  uint64_t refused = 0;      // Answered by a retriable error.
  uint64_t registry_away = 0;
};

// A Kafka cluster, as far as transactions go: partitions as logs in which control records take
// offsets, the last stable offset, one transaction coordinator that knows producers by epoch, and a
// network that loses, delays and repeats requests.
//
// It is as unsafe as the real one with clients of protocol version 1: EndTxn is checked against the
// epoch only, so that a late one ends whatever transaction is open (KAFKA-17754). Producing to a
// partition verifies that the transaction is open and holds the partition, as brokers do since 3.6.
//
// One simulated thread, in no process, is the network: it delivers what is under way.
class SimKafka {
 public:
  explicit SimKafka(SimScheduler* scheduler, uint64_t seed);
  ~SimKafka();

  // A client of the process.
  std::unique_ptr<KafkaCluster> Connect(SimProcess* process);
  std::unique_ptr<SchemaRegistry> ConnectRegistry(SimProcess* process);

  // --- What the schedule does -----------------------------------------------------------------

  void SetUp(bool up) { up_ = up; }
  void SetFaults(const KafkaFaults& faults) { faults_ = faults; }
  // The next commit is reported as done and then forgotten, as by a broker that lost its log.
  void ForgetNextCommit() { forget_next_commit_ = true; }
  bool forgot_commit() const { return forgot_commit_; }
  // Somebody else's producer leaves a transaction open in this topic, for a while.
  void OpenForeignTransaction(const std::string& topic);
  void EndForeignTransaction();
  // Breaks a rule of the clients, for mutations: the high watermark is asked for as read_committed.
  void SetHighIsLastStable(bool is) { high_is_last_stable_ = is; }
  // Removes superseded records of compacted topics.
  void Compact();

  // --- What the checkers see ------------------------------------------------------------------

  struct Seen {
    TopicPartition partition;
    int64_t offset = 0;
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::map<std::string, std::string> headers;
  };
  // Everything that a read_committed reader gets, by partition and offset, of all topics.
  std::vector<Seen> ReadCommitted() const;
  // Called when records become visible to read_committed readers, with those records.
  void SetOnVisible(std::function<void(const std::vector<Seen>&)> on_visible) {
    on_visible_ = std::move(on_visible);
  }
  // Told what reaches the brokers; for people.
  void SetTrace(std::function<void(const std::string&)> trace) { trace_ = std::move(trace); }
  // Whether every transaction that was ended is visible, or gone.
  bool settled() const;
  uint64_t transactions_committed() const { return transactions_committed_; }
  uint64_t late_requests() const { return late_requests_; }
  std::string Describe() const;

 private:
  friend class SimKafkaClient;
  friend class SimProducer;
  friend class SimFollower;
  friend class SimRegistry;

  enum class RecordState : uint8_t { kOpen, kCommitted, kAborted, kControl, kRemoved };
  struct Record {
    RecordState state = RecordState::kOpen;
    uint64_t producer_id = 0;
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::vector<std::pair<std::string, std::string>> headers;
  };
  struct ProducerState {
    int epoch = -1;
    uint64_t next_sequence = 0;
    std::map<uint64_t, int64_t> offsets;  // First sequence of a batch -> its offset.
  };
  struct Partition {
    std::vector<Record> log;
    std::map<uint64_t, ProducerState> producers;
    std::map<uint64_t, int64_t> open;  // Producer -> first offset of its open transaction.
    int64_t last_stable() const;
    int64_t high() const { return static_cast<int64_t>(log.size()); }
  };
  struct Topic {
    std::vector<Partition> partitions;
    std::map<std::string, std::string> config;
  };
  enum class TransactionState : uint8_t { kEmpty, kOngoing, kPreparing, kCommitted, kAborted };
  struct Coordinated {
    uint64_t producer_id = 0;
    int epoch = -1;
    TransactionState state = TransactionState::kEmpty;
    bool commits = false;  // While preparing.
    std::set<TopicPartition> partitions;
    TimePoint began;
  };
  enum class Code : uint8_t {
    kOk,
    kConcurrent,
    kFenced,
    kInvalidState,
    kOutOfOrder,
    kUnknownTopic,
    kRefused,
  };
  struct Answer {
    Code code = Code::kOk;
    int64_t number = 0;  // An offset, or a producer's epoch.
    uint64_t producer_id = 0;
  };
  using Handler = std::function<Answer()>;
  struct Event {
    TimePoint at;
    uint64_t order;
    std::function<void()> act;
  };

  void RunNetwork();
  void Post(std::chrono::microseconds delay, std::function<void()> act);
  // Sends a request and waits for its answer, with retries as librdkafka makes them. `sent` counts
  // the requests, `trouble` says that an answer was missing or an error. Throws transient.
  Answer Call(SimProcess* process, const std::string& what, const Handler& handler, int* sent,
              bool* trouble);
  Answer Call(SimProcess* process, const std::string& what, const Handler& handler);

  Answer InitProducerId(const std::string& transactional_id);
  Answer AddPartition(const std::string& transactional_id, int epoch, const TopicPartition& where);
  Answer Produce(const std::string& transactional_id, uint64_t producer_id, int epoch,
                 uint64_t sequence, const TopicPartition& where, const std::vector<Record>& batch);
  Answer EndTransaction(const std::string& transactional_id, int epoch, bool commit);
  void Prepare(Coordinated* coordinated, bool commit);
  void WriteMarkers(Coordinated* coordinated);
  void AbortOverdue();
  Partition* Find(const TopicPartition& where);
  Seen See(const TopicPartition& where, int64_t offset, const Record& record) const;

  SimScheduler* const scheduler_;
  Random random_;
  bool up_ = true;
  bool closing_ = false;
  KafkaFaults faults_;
  bool high_is_last_stable_ = false;
  bool forget_next_commit_ = false;
  bool forgot_commit_ = false;
  std::function<void(const std::vector<Seen>&)> on_visible_;
  std::function<void(const std::string&)> trace_;

  std::map<std::string, Topic> topics_;
  std::map<std::string, Coordinated> coordinated_;
  uint64_t producer_ids_ = 0;
  uint64_t transactions_committed_ = 0;
  uint64_t late_requests_ = 0;
  std::optional<TopicPartition> foreign_;
  std::map<std::string, int32_t> schema_ids_;

  std::vector<Event> events_;
  uint64_t events_made_ = 0;
  std::unique_ptr<SimProcess> no_process_;  // Never killed.
  std::unique_ptr<Thread> network_;
};

}  // namespace bw::simulation
