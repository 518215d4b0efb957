#include "simulation/sim_kafka.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/lsn.h"
#include "support/one_by_one_registry.h"

namespace bw::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds kRequestTimeout{2'000};
constexpr int kAttempts = 3;
constexpr std::chrono::seconds kTransactionTimeout{60};
constexpr std::chrono::seconds kReadTimeout{30};
constexpr uint64_t kForeignProducer = 1'000'000;

}  // namespace

// --- Clients -----------------------------------------------------------------------------------

class SimProducer : public TransactionalProducer {
 public:
  SimProducer(SimKafka* kafka, SimProcess* process, ProducerOptions options)
      : kafka_(kafka), process_(process), id_(std::move(options.transactional_id)) {}

  void InitTransactions() override {
    // As librdkafka: again and again while an older transaction is being ended.
    for (int attempt = 0; attempt < 100; ++attempt) {
      const SimKafka::Answer answer =
          kafka_->Call(process_, "InitProducerId",
                       [kafka = kafka_, id = id_] { return kafka->InitProducerId(id); });
      if (answer.code == SimKafka::Code::kOk) {
        producer_id_ = answer.producer_id;
        epoch_ = static_cast<int>(answer.number);
        return;
      }
      kafka_->scheduler_->Sleep(milliseconds(20));
    }
    throw TransientError("InitProducerId: the transaction before does not end");
  }

  std::vector<OpenedTopic> OpenTopics(std::span<const std::string> topics) override {
    std::vector<OpenedTopic> opened;
    for (const std::string& topic : topics) opened.push_back(Open(topic));
    return opened;
  }

  OpenedTopic Open(const std::string& topic) {
    const SimKafka::Answer answer = kafka_->Call(process_, "Metadata", [kafka = kafka_, topic] {
      const auto found = kafka->topics_.find(topic);
      return found == kafka->topics_.end()
                 ? SimKafka::Answer{SimKafka::Code::kUnknownTopic}
                 : SimKafka::Answer{SimKafka::Code::kOk,
                                    static_cast<int64_t>(found->second.partitions.size())};
    });
    if (answer.code != SimKafka::Code::kOk) throw TransientError("no topic " + topic);
    topics_.push_back(topic);
    return {TopicHandle{static_cast<uint32_t>(topics_.size() - 1)},
            static_cast<int32_t>(answer.number)};
  }

  void Begin() override {
    BW_CHECK(epoch_ >= 0);
    added_.clear();
    written_.clear();
    end_requests_ = 0;
    trouble_ = false;
  }

  void Produce(const OutgoingMessage& message) override {
    process_->CheckAlive();
    SimKafka::Record record;
    record.producer_id = producer_id_;
    if (message.key) record.key = std::string(*message.key);
    if (message.value) record.value = std::string(*message.value);
    for (const MessageHeader& header : message.headers) {
      record.headers.emplace_back(header.name, header.value);
    }
    pending_[{topics_.at(message.topic.index), message.partition}].push_back(std::move(record));
    // Librdkafka sends when it likes.
    if (kafka_->random_.Chance(100)) SendPending();
  }

  void Flush(NextOffsets* next_offsets) override {
    SendPending();
    for (const auto& [where, next] : written_) (*next_offsets)[where] = next;
  }

  void Commit() override {
    BW_CHECK(pending_.empty());
    if (added_.empty()) {  // Librdkafka has nothing to end then.
      end_requests_ = 1;
      return;
    }
    const SimKafka::Answer answer = kafka_->Call(
        process_, "EndTxn",
        [kafka = kafka_, id = id_, epoch = epoch_] {
          return kafka->EndTransaction(id, epoch, /*commit=*/true);
        },
        &end_requests_, &trouble_);
    Require(answer, "EndTxn");
  }

  std::optional<std::string> Doubt() const override {
    if (end_requests_ != 1) return fmt::format("EndTxn was sent {} times", end_requests_);
    if (trouble_) return "a request of the transaction failed or had no answer";
    return std::nullopt;
  }

  size_t message_bytes_max() const override { return 1'000'000; }

 private:
  void SendPending() {
    for (auto& [where, batch] : pending_) {
      if (added_.insert(where).second) Add(where);
      uint64_t& sequence = sequences_[where];
      const SimKafka::Answer answer = kafka_->Call(
          process_, "Produce to " + where.topic + " " + std::to_string(where.partition),
          [kafka = kafka_, id = id_, producer = producer_id_, epoch = epoch_, first = sequence,
           partition = where, records = batch] {
            return kafka->Produce(id, producer, epoch, first, partition, records);
          },
          nullptr, &trouble_);
      Require(answer, "Produce");
      sequence += batch.size();
      written_[where] = answer.number + static_cast<int64_t>(batch.size());
    }
    pending_.clear();
  }

  void Add(const TopicPartition& where) {
    for (int attempt = 0; attempt < 200; ++attempt) {
      const SimKafka::Answer answer = kafka_->Call(
          process_, "AddPartitionsToTxn",
          [kafka = kafka_, id = id_, epoch = epoch_, where] {
            return kafka->AddPartition(id, epoch, where);
          },
          nullptr, &trouble_);
      if (answer.code != SimKafka::Code::kConcurrent) return Require(answer, "AddPartitionsToTxn");
      kafka_->scheduler_->Sleep(milliseconds(20));
    }
    throw TransientError("AddPartitionsToTxn: the transaction before does not end");
  }

  void Require(const SimKafka::Answer& answer, const std::string& what) {
    if (answer.code == SimKafka::Code::kOk) return;
    trouble_ = true;
    throw TransientError(fmt::format("{}: error {}", what, static_cast<int>(answer.code)));
  }

  SimKafka* const kafka_;
  SimProcess* const process_;
  const std::string id_;
  uint64_t producer_id_ = 0;
  int epoch_ = -1;
  std::vector<std::string> topics_;
  std::map<TopicPartition, std::vector<SimKafka::Record>> pending_;
  std::map<TopicPartition, uint64_t> sequences_;
  std::set<TopicPartition> added_;
  NextOffsets written_;
  int end_requests_ = 0;
  bool trouble_ = false;
};

class SimFollower : public CommittedFollower {
 public:
  SimFollower(SimKafka* kafka, SimProcess* process, TopicPartition where, int64_t from)
      : kafka_(kafka), process_(process), where_(std::move(where)), next_(from) {}

  std::optional<CommittedRecord> Poll() override {
    process_->CheckAlive();
    const SimKafka::Partition* const partition = kafka_->Find(where_);
    if (partition == nullptr) return std::nullopt;
    // Fetching is slower than polling.
    if (kafka_->up_ && kafka_->random_.Chance(500)) arrived_ = partition->last_stable();
    while (next_ < std::min(arrived_, partition->last_stable())) {
      const int64_t offset = next_++;
      const SimKafka::Record& record = partition->log[static_cast<size_t>(offset)];
      if (record.state != SimKafka::RecordState::kCommitted) continue;
      seen_ = record;
      CommittedRecord result;
      result.offset = offset;
      if (seen_.key) result.key = *seen_.key;
      if (seen_.value) result.value = *seen_.value;
      for (const auto& [name, value] : seen_.headers) result.headers.push_back({name, value});
      return result;
    }
    return std::nullopt;
  }

 private:
  SimKafka* const kafka_;
  SimProcess* const process_;
  const TopicPartition where_;
  int64_t next_;
  int64_t arrived_ = 0;
  SimKafka::Record seen_;
};

class SimKafkaClient : public KafkaCluster {
 public:
  SimKafkaClient(SimKafka* kafka, SimProcess* process) : kafka_(kafka), process_(process) {}

  std::string ClusterId() override {
    kafka_->Call(process_, "Metadata", [] { return SimKafka::Answer{}; });
    return "simulated";
  }

  std::vector<std::optional<int32_t>> PartitionCounts(
      std::span<const std::string> topics) override {
    std::vector<std::optional<int32_t>> counts;
    for (const std::string& topic : topics) counts.push_back(PartitionsOf(topic));
    return counts;
  }

  std::vector<std::optional<Error>> RequestTopics(std::span<const TopicSpec> specs) override {
    for (const TopicSpec& spec : specs) Create(spec);
    return std::vector<std::optional<Error>>(specs.size());
  }
  std::optional<Error> RefusalOf(const TopicSpec& /*spec*/) override {
    return std::nullopt;
  }
  void WaitForTopics(std::span<const std::string> /*topics*/) override {}

  std::vector<std::optional<TopicConfigMap>> TopicConfigs(
      std::span<const std::string> topics) override {
    std::vector<std::optional<TopicConfigMap>> configs;
    for (const std::string& topic : topics) configs.push_back(ConfigOf(topic));
    return configs;
  }

  std::vector<std::optional<StoredOffsets>> Offsets(
      std::span<const TopicPartition> partitions) override {
    kafka_->Call(process_, "ListOffsets", [] { return SimKafka::Answer{}; });
    std::vector<std::optional<StoredOffsets>> result;
    for (const TopicPartition& where : partitions) {
      const SimKafka::Partition* const partition = kafka_->Find(where);
      if (partition == nullptr) {
        result.emplace_back();
      } else {
        result.push_back(StoredOffsets{
            0, kafka_->high_is_last_stable_ ? partition->last_stable() : partition->high()});
      }
    }
    return result;
  }

  std::unique_ptr<TransactionalProducer> CreateProducer(const ProducerOptions& options) override {
    process_->CheckAlive();
    return std::make_unique<SimProducer>(kafka_, process_, options);
  }

  void ReadCommitted(std::span<const ReadRange> ranges,
                     const std::function<void(const CommittedRecord&)>& visit) override {
    for (size_t i = 0; i < ranges.size(); ++i) ReadOne(i, ranges[i], visit);
  }

  std::unique_ptr<CommittedFollower> Follow(const TopicPartition& partition,
                                            int64_t from) override {
    process_->CheckAlive();
    return std::make_unique<SimFollower>(kafka_, process_, partition, from);
  }

 private:
  std::optional<int32_t> PartitionsOf(const std::string& topic) {
    const SimKafka::Answer answer = kafka_->Call(process_, "Metadata", [kafka = kafka_, topic] {
      const auto found = kafka->topics_.find(topic);
      return SimKafka::Answer{SimKafka::Code::kOk,
                              found == kafka->topics_.end()
                                  ? 0
                                  : static_cast<int64_t>(found->second.partitions.size())};
    });
    if (answer.number == 0) return std::nullopt;
    return static_cast<int32_t>(answer.number);
  }

  void Create(const TopicSpec& spec) {
    kafka_->Call(process_, "CreateTopics", [kafka = kafka_, spec] {
      SimKafka::Topic& topic = kafka->topics_[spec.name];
      if (topic.partitions.empty()) {
        topic.partitions.resize(spec.partitions < 1 ? 2 : static_cast<size_t>(spec.partitions));
        topic.config = spec.config;
      }
      return SimKafka::Answer{};
    });
  }

  std::optional<TopicConfigMap> ConfigOf(const std::string& topic) {
    kafka_->Call(process_, "DescribeConfigs", [] { return SimKafka::Answer{}; });
    const auto found = kafka_->topics_.find(topic);
    if (found == kafka_->topics_.end()) return std::nullopt;
    return found->second.config;
  }

  void ReadOne(size_t index, const ReadRange& range,
               const std::function<void(const CommittedRecord&)>& visit) {
    kafka_->Call(process_, "Fetch", [] { return SimKafka::Answer{}; });
    const std::function<bool()> stable = [this, &range] {
      const SimKafka::Partition* const partition = kafka_->Find(range.partition);
      return partition != nullptr && partition->last_stable() >= range.to;
    };
    if (!kafka_->scheduler_->WaitUntil(process_->Now() + kReadTimeout, stable)) {
      throw TransientError("Fetch: an open transaction is in the way");
    }
    for (int64_t offset = range.from; offset < range.to; ++offset) {
      const SimKafka::Record record =
          kafka_->Find(range.partition)->log.at(static_cast<size_t>(offset));
      if (record.state != SimKafka::RecordState::kCommitted) continue;
      CommittedRecord committed;
      committed.range = index;
      committed.offset = offset;
      if (record.key) committed.key = *record.key;
      if (record.value) committed.value = *record.value;
      for (const auto& [name, value] : record.headers) committed.headers.push_back({name, value});
      visit(committed);
    }
  }

  SimKafka* const kafka_;
  SimProcess* const process_;
};

class SimRegistry : public OneByOneRegistry {
 public:
  SimRegistry(SimKafka* kafka, SimProcess* process) : kafka_(kafka), process_(process) {}

  int32_t Register(const std::string& subject, const std::string& schema_json) override {
    process_->CheckAlive();
    kafka_->scheduler_->Sleep(microseconds(kafka_->random_.Below(2'000)));
    if (kafka_->random_.Chance(kafka_->faults_.registry_away)) {
      throw TransientError("the registry is away");
    }
    const auto [found, is_new] = kafka_->schema_ids_.try_emplace(
        subject + '\0' + schema_json, static_cast<int32_t>(kafka_->schema_ids_.size() + 1));
    return found->second;
  }

 private:
  SimKafka* const kafka_;
  SimProcess* const process_;
};

// --- The network -------------------------------------------------------------------------------

SimKafka::SimKafka(SimScheduler* scheduler, uint64_t seed)
    : scheduler_(scheduler),
      random_(seed),
      no_process_(std::make_unique<SimProcess>(scheduler, "kafka")) {
  network_ = no_process_->Start([this] { RunNetwork(); });
}

SimKafka::~SimKafka() {
  closing_ = true;
  network_.reset();
}

std::unique_ptr<KafkaCluster> SimKafka::Connect(SimProcess* process) {
  return std::make_unique<SimKafkaClient>(this, process);
}

std::unique_ptr<SchemaRegistry> SimKafka::ConnectRegistry(SimProcess* process) {
  return std::make_unique<SimRegistry>(this, process);
}

void SimKafka::Post(microseconds delay, std::function<void()> act) {
  events_.push_back({scheduler_->Now() + delay, ++events_made_, std::move(act)});
}

void SimKafka::RunNetwork() {
  const auto first = [this] {
    return std::min_element(events_.begin(), events_.end(), [](const Event& a, const Event& b) {
      return std::tie(a.at, a.order) < std::tie(b.at, b.order);
    });
  };
  while (!closing_) {
    const auto next = first();
    const TimePoint deadline = next == events_.end() ? TimePoint::max() : next->at;
    const uint64_t known = events_made_;
    const std::function<bool()> changed = [this, known] {
      return closing_ || events_made_ != known;
    };
    if (scheduler_->WaitUntil(deadline, changed)) continue;
    const auto due = first();
    if (due == events_.end() || due->at > scheduler_->Now()) continue;
    const std::function<void()> act = std::move(due->act);
    events_.erase(due);
    act();
  }
}

SimKafka::Answer SimKafka::Call(SimProcess* process, const std::string& what,
                                const Handler& handler) {
  return Call(process, what, handler, nullptr, nullptr);
}

SimKafka::Answer SimKafka::Call(SimProcess* process, const std::string& what,
                                const Handler& handler, int* sent, bool* trouble) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    process->CheckAlive();
    if (sent != nullptr) ++*sent;
    const auto answer = std::make_shared<std::optional<Answer>>();
    const auto latency = [this] { return microseconds(50 + random_.Below(1'500)); };
    const bool answer_lost = random_.Chance(faults_.answer_lost);
    const auto deliver = [this, handler, answer, answer_lost, latency, what] {
      if (!up_) return;
      const Answer made = random_.Chance(faults_.refused) ? Answer{Code::kRefused} : handler();
      if (trace_) {
        trace_(fmt::format("{} -> {} {}", what, static_cast<int>(made.code), made.number));
      }
      if (!answer_lost) Post(latency(), [answer, made] { *answer = made; });
    };
    if (random_.Chance(faults_.request_lost)) {
      // Nothing arrives.
    } else if (random_.Chance(faults_.request_late)) {
      ++late_requests_;
      Post(microseconds(random_.Between(2'000'000, 12'000'000)), deliver);
    } else {
      Post(latency(), deliver);
      const bool may_repeat = what != "EndTxn" || faults_.repeats_end;
      if (may_repeat && random_.Chance(faults_.request_repeated)) {
        ++late_requests_;
        Post(microseconds(random_.Between(1'000, random_.Chance(500) ? 60'000 : 10'000'000)),
             deliver);
      }
    }
    const std::function<bool()> answered = [answer] { return answer->has_value(); };
    if (scheduler_->WaitUntil(scheduler_->Now() + kRequestTimeout, answered)) {
      if ((*answer)->code != Code::kRefused) {
        return **answer;
      }
    }
    if (trouble != nullptr) *trouble = true;
  }
  throw TransientError(what + " timed out");
}

// --- Brokers -----------------------------------------------------------------------------------

int64_t SimKafka::Partition::last_stable() const {
  int64_t offset = high();
  for (const auto& [producer, first] : open) offset = std::min(offset, first);
  return offset;
}

SimKafka::Partition* SimKafka::Find(const TopicPartition& where) {
  const auto topic = topics_.find(where.topic);
  if (topic == topics_.end()) return nullptr;
  if (static_cast<size_t>(where.partition) >= topic->second.partitions.size()) return nullptr;
  return &topic->second.partitions[static_cast<size_t>(where.partition)];
}

SimKafka::Answer SimKafka::InitProducerId(const std::string& transactional_id) {
  AbortOverdue();
  Coordinated& coordinated = coordinated_[transactional_id];
  switch (coordinated.state) {
    case TransactionState::kPreparing:
      return {Code::kConcurrent};
    case TransactionState::kOngoing:
      ++coordinated.epoch;  // Fences its producer.
      Prepare(&coordinated, /*commit=*/false);
      return {Code::kConcurrent};
    case TransactionState::kEmpty:
    case TransactionState::kCommitted:
    case TransactionState::kAborted:
      break;
  }
  if (coordinated.producer_id == 0) coordinated.producer_id = ++producer_ids_;
  ++coordinated.epoch;
  coordinated.state = TransactionState::kEmpty;
  return {Code::kOk, coordinated.epoch, coordinated.producer_id};
}

SimKafka::Answer SimKafka::AddPartition(const std::string& transactional_id, int epoch,
                                        const TopicPartition& where) {
  AbortOverdue();
  Coordinated& coordinated = coordinated_[transactional_id];
  if (epoch != coordinated.epoch) return {Code::kFenced};
  if (coordinated.state == TransactionState::kPreparing) return {Code::kConcurrent};
  if (coordinated.state != TransactionState::kOngoing) {
    coordinated.state = TransactionState::kOngoing;
    coordinated.partitions.clear();
    coordinated.began = scheduler_->Now();
  }
  coordinated.partitions.insert(where);
  return {};
}

SimKafka::Answer SimKafka::Produce(const std::string& transactional_id, uint64_t producer_id,
                                   int epoch, uint64_t sequence, const TopicPartition& where,
                                   const std::vector<Record>& batch) {
  AbortOverdue();
  Partition* const partition = Find(where);
  if (partition == nullptr) return {Code::kUnknownTopic};
  ProducerState& producer = partition->producers[producer_id];
  if (epoch < producer.epoch) return {Code::kFenced};
  if (epoch == producer.epoch && sequence < producer.next_sequence) {
    const auto written = producer.offsets.find(sequence);
    if (written == producer.offsets.end()) return {Code::kOutOfOrder};
    return {Code::kOk, written->second};  // Seen before.
  }
  const Coordinated& coordinated = coordinated_[transactional_id];
  if (epoch != coordinated.epoch) return {Code::kFenced};
  if (coordinated.state != TransactionState::kOngoing || !coordinated.partitions.contains(where)) {
    return {Code::kInvalidState};
  }
  if (epoch > producer.epoch) producer = {epoch, 0, {}};
  if (sequence != producer.next_sequence) return {Code::kOutOfOrder};
  const int64_t offset = partition->high();
  partition->log.insert(partition->log.end(), batch.begin(), batch.end());
  partition->open.try_emplace(producer_id, offset);
  producer.next_sequence += batch.size();
  producer.offsets[sequence] = offset;
  return {Code::kOk, offset};
}

// The check of the epoch is the only one: which transaction is meant cannot be told.
SimKafka::Answer SimKafka::EndTransaction(const std::string& transactional_id, int epoch,
                                          bool commit) {
  AbortOverdue();
  Coordinated& coordinated = coordinated_[transactional_id];
  if (epoch != coordinated.epoch) return {Code::kFenced};
  switch (coordinated.state) {
    case TransactionState::kOngoing:
      if (forget_next_commit_ && commit) {
        forget_next_commit_ = false;
        forgot_commit_ = true;
        ++coordinated.epoch;
        Prepare(&coordinated, /*commit=*/false);
        return {};
      }
      Prepare(&coordinated, commit);
      return {};
    case TransactionState::kPreparing:
      return coordinated.commits == commit ? Answer{} : Answer{Code::kInvalidState};
    case TransactionState::kCommitted:
      return commit ? Answer{} : Answer{Code::kInvalidState};
    case TransactionState::kAborted:
      return commit ? Answer{Code::kInvalidState} : Answer{};
    case TransactionState::kEmpty:
      break;
  }
  return {Code::kInvalidState};
}

// From here on the outcome is fixed; the markers follow.
void SimKafka::Prepare(Coordinated* coordinated, bool commit) {
  coordinated->state = TransactionState::kPreparing;
  coordinated->commits = commit;
  Post(microseconds(random_.Below(15'000)), [this, coordinated] { WriteMarkers(coordinated); });
}

void SimKafka::WriteMarkers(Coordinated* coordinated) {
  std::vector<Seen> visible;
  if (trace_) trace_(coordinated->commits ? "commit markers" : "abort markers");
  for (const TopicPartition& where : coordinated->partitions) {
    Partition* const partition = Find(where);
    const auto open = partition->open.find(coordinated->producer_id);
    if (open != partition->open.end()) {
      for (auto offset = static_cast<size_t>(open->second); offset < partition->log.size();
           ++offset) {
        Record& record = partition->log[offset];
        if (record.state != RecordState::kOpen || record.producer_id != coordinated->producer_id) {
          continue;
        }
        record.state = coordinated->commits ? RecordState::kCommitted : RecordState::kAborted;
        if (coordinated->commits)
          visible.push_back(See(where, static_cast<int64_t>(offset), record));
      }
      partition->open.erase(open);
    }
    Record marker;
    marker.state = RecordState::kControl;
    marker.producer_id = coordinated->producer_id;
    partition->log.push_back(std::move(marker));
    // The marker also tells the partition of a newer epoch.
    ProducerState& producer = partition->producers[coordinated->producer_id];
    if (coordinated->epoch > producer.epoch) producer = {coordinated->epoch, 0, {}};
  }
  coordinated->partitions.clear();
  coordinated->state =
      coordinated->commits ? TransactionState::kCommitted : TransactionState::kAborted;
  if (coordinated->commits) ++transactions_committed_;
  if (on_visible_ && !visible.empty()) on_visible_(visible);
}

void SimKafka::AbortOverdue() {
  for (auto& [id, coordinated] : coordinated_) {
    if (coordinated.state != TransactionState::kOngoing) continue;
    if (scheduler_->Now() - coordinated.began < kTransactionTimeout) continue;
    ++coordinated.epoch;
    Prepare(&coordinated, /*commit=*/false);
  }
}

void SimKafka::OpenForeignTransaction(const std::string& topic) {
  const TopicPartition where{topic, 0};
  Partition* const partition = Find(where);
  if (partition == nullptr || foreign_) return;
  partition->open.try_emplace(kForeignProducer, partition->high());
  Record record;
  record.producer_id = kForeignProducer;
  partition->log.push_back(std::move(record));
  foreign_ = where;
}

void SimKafka::EndForeignTransaction() {
  if (!foreign_) return;
  Partition* const partition = Find(*foreign_);
  partition->log[static_cast<size_t>(partition->open.at(kForeignProducer))].state =
      RecordState::kAborted;
  partition->open.erase(kForeignProducer);
  Record marker;
  marker.state = RecordState::kControl;
  partition->log.push_back(std::move(marker));
  foreign_.reset();
}

void SimKafka::Compact() {
  for (auto& [name, topic] : topics_) {
    // The data topics are compacted as well, but then a checker could not count.
    if (!name.ends_with(".checkpoint")) continue;
    for (Partition& partition : topic.partitions) {
      std::set<std::string> newer;
      for (int64_t offset = partition.last_stable() - 1; offset >= 0; --offset) {
        Record& record = partition.log[static_cast<size_t>(offset)];
        if (record.state != RecordState::kCommitted || !record.key) continue;
        if (!newer.insert(*record.key).second) record.state = RecordState::kRemoved;
      }
    }
  }
}

SimKafka::Seen SimKafka::See(const TopicPartition& where, int64_t offset,
                             const Record& record) const {
  Seen seen{where, offset, record.key, record.value, {}};
  for (const auto& [name, value] : record.headers) seen.headers[name] = value;
  return seen;
}

bool SimKafka::settled() const {
  return std::none_of(coordinated_.begin(), coordinated_.end(), [](const auto& entry) {
    return entry.second.state == TransactionState::kPreparing;
  });
}

std::vector<SimKafka::Seen> SimKafka::ReadCommitted() const {
  std::vector<Seen> seen;
  for (const auto& [name, topic] : topics_) {
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
      const Partition& partition = topic.partitions[i];
      for (int64_t offset = 0; offset < partition.last_stable(); ++offset) {
        const Record& record = partition.log[static_cast<size_t>(offset)];
        if (record.state != RecordState::kCommitted) continue;
        seen.push_back(See({name, static_cast<int32_t>(i)}, offset, record));
      }
    }
  }
  return seen;
}

std::string SimKafka::Describe() const {
  std::string text;
  for (const auto& [name, topic] : topics_) {
    for (const Partition& partition : topic.partitions) {
      text += fmt::format("{}: {} records, stable to {}\n", name, partition.high(),
                          partition.last_stable());
    }
  }
  for (const auto& [id, coordinated] : coordinated_) {
    text += fmt::format("{}: epoch {}, state {}\n", id, coordinated.epoch,
                        static_cast<int>(coordinated.state));
  }
  return text;
}

}  // namespace bw::simulation
