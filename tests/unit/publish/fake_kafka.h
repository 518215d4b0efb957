#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "publish/kafka.h"

namespace bw {

// A Kafka in memory: offsets, control records, fencing by epoch, read_committed up to the last
// stable offset. Small enough to be seen to be right; the simulation has the one with all the
// faults.
class FakeKafka : public KafkaCluster {
 public:
  enum class Fate { kOpen, kCommitted, kAborted };
  struct Entry {
    bool is_control = false;
    Fate fate = Fate::kOpen;
    std::optional<std::string> key, value;
    std::vector<std::pair<std::string, std::string>> headers;

    std::string Header(const std::string& name) const {
      for (const auto& [header, text] : headers) {
        if (header == name) return text;
      }
      return "";
    }
  };
  using Partition = std::vector<Entry>;

  // Called before each step of a producer; may throw, as a crash or an error there.
  std::function<void(const std::string& step)> before_step = [](const std::string&) {};
  // The commit is done, and its answer is lost.
  bool lose_commit_answer = false;
  std::optional<std::string> doubt;
  bool reachable = true;
  std::string cluster_id = "K1";
  int32_t default_partitions = 1;
  size_t message_bytes_max = 1'000'000;
  bool may_read_settings = true;
  // Of each record of a topic: what is larger is refused when the batch is flushed.
  std::map<std::string, size_t> record_bytes_max;
  std::set<std::string> refused_settings;  // By RequestTopics.
  int create_requests = 0;
  std::map<std::string, std::vector<Partition>> topics;
  std::map<std::string, TopicSpec> created;
  int begun = 0;

  // What a read_committed consumer gets, in offset order.
  std::vector<Entry> Committed(const std::string& topic, size_t partition = 0) const {
    std::vector<Entry> records;
    const auto found = topics.find(topic);
    if (found == topics.end()) return records;
    for (const Entry& entry : found->second.at(partition)) {
      if (entry.fate == Fate::kOpen) break;
      if (entry.fate == Fate::kCommitted && !entry.is_control) records.push_back(entry);
    }
    return records;
  }

  // A late EndTxn commits what has been written of the open transaction so far.
  void TearOpenTransaction() { EndOpen(Fate::kCommitted); }

  std::string ClusterId() override {
    if (!reachable) throw TransientError("brokers are away");
    return cluster_id;
  }
  std::vector<std::optional<int32_t>> PartitionCounts(std::span<const std::string> names) override {
    std::vector<std::optional<int32_t>> counts;
    for (const std::string& name : names) {
      const auto found = topics.find(name);
      counts.push_back(found == topics.end()
                           ? std::nullopt
                           : std::optional(static_cast<int32_t>(found->second.size())));
    }
    return counts;
  }
  std::vector<std::optional<Error>> RequestTopics(std::span<const TopicSpec> specs) override {
    ++create_requests;
    std::vector<std::optional<Error>> refusals;
    for (const TopicSpec& spec : specs) {
      const auto refused =
          std::find_if(refused_settings.begin(), refused_settings.end(),
                       [&](const std::string& name) { return spec.config.contains(name); });
      if (refused != refused_settings.end()) {
        refusals.push_back(UsageError("--topic-config: the brokers refuse " + *refused));
        continue;
      }
      const int32_t partitions = spec.partitions > 0 ? spec.partitions : default_partitions;
      topics.try_emplace(spec.name, static_cast<size_t>(partitions));
      created.emplace(spec.name, spec);
      refusals.emplace_back();
    }
    return refusals;
  }
  std::optional<Error> RefusalOf(const TopicSpec& spec) override {
    for (const std::string& name : refused_settings) {
      if (spec.config.contains(name)) {
        return UsageError("--topic-config: the brokers refuse " + name);
      }
    }
    return std::nullopt;
  }
  void WaitForTopics(std::span<const std::string> /*topics*/) override {}
  std::vector<std::optional<TopicConfigMap>> TopicConfigs(
      std::span<const std::string> names) override {
    std::vector<std::optional<TopicConfigMap>> configs;
    for (const std::string& name : names) {
      const auto found = created.find(name);
      configs.push_back(found == created.end() ? TopicConfigMap{} : found->second.config);
      if (!may_read_settings) configs.back().reset();
    }
    return configs;
  }
  std::vector<std::optional<StoredOffsets>> Offsets(
      std::span<const TopicPartition> partitions) override {
    std::vector<std::optional<StoredOffsets>> offsets;
    for (const auto& [topic, partition] : partitions) {
      const auto found = topics.find(topic);
      if (found == topics.end() || found->second.size() <= static_cast<size_t>(partition)) {
        offsets.push_back(std::nullopt);
      } else {
        const auto size = found->second[static_cast<size_t>(partition)].size();
        offsets.push_back(StoredOffsets{0, static_cast<int64_t>(size)});
      }
    }
    return offsets;
  }
  void ReadCommitted(std::span<const ReadRange> ranges,
                     const std::function<void(const CommittedRecord&)>& visit) override {
    for (size_t i = 0; i < ranges.size(); ++i) {
      for (int64_t offset = ranges[i].from; offset < ranges[i].to; ++offset) {
        const Entry& entry = At(ranges[i].partition, offset);
        if (entry.fate == Fate::kOpen) throw TransientError("an open transaction is in the way");
        if (IsVisible(entry)) visit(ToRecord(entry, i, offset));
      }
    }
  }
  std::unique_ptr<CommittedFollower> Follow(const TopicPartition& partition,
                                            int64_t from) override {
    return std::make_unique<Follower>(this, partition, from);
  }
  std::unique_ptr<TransactionalProducer> CreateProducer(const ProducerOptions&) override {
    return std::make_unique<Producer>(this);
  }

 private:
  class Producer : public TransactionalProducer {
   public:
    explicit Producer(FakeKafka* kafka) : kafka_(kafka) {}
    void InitTransactions() override {
      kafka_->before_step("init");
      kafka_->EndOpen(Fate::kAborted);
      epoch_ = ++kafka_->epoch_;
    }
    std::vector<OpenedTopic> OpenTopics(std::span<const std::string> topics) override {
      std::vector<OpenedTopic> opened;
      for (const std::string& topic : topics) {
        topics_.push_back(topic);
        opened.push_back(
            {{static_cast<uint32_t>(topics_.size() - 1)}, *kafka_->PartitionCount(topic)});
      }
      return opened;
    }
    void Begin() override {
      Step("begin");
      ++kafka_->begun;
      written_.clear();
      too_large_.reset();
    }
    void Produce(const OutgoingMessage& message) override {
      Step("produce");
      const std::string& topic = topics_.at(message.topic.index);
      Entry entry;
      if (message.key) entry.key = std::string(*message.key);
      if (message.value) entry.value = std::string(*message.value);
      for (const auto& [name, value] : message.headers) {
        entry.headers.emplace_back(std::string(name), std::string(value));
      }
      const size_t bytes =
          (message.key ? message.key->size() : 0) + (message.value ? message.value->size() : 0);
      const auto limit = kafka_->record_bytes_max.find(topic);
      if (limit != kafka_->record_bytes_max.end() && bytes > limit->second) {
        too_large_.emplace("too large", topic, bytes);
      }
      Partition& partition = kafka_->topics.at(topic).at(static_cast<size_t>(message.partition));
      partition.push_back(std::move(entry));
      written_[{topic, message.partition}] = static_cast<int64_t>(partition.size());
    }
    void Flush(NextOffsets* next_offsets) override {
      Step("flush");
      if (too_large_) throw *too_large_;
      for (const auto& [partition, next] : written_) (*next_offsets)[partition] = next;
    }
    void Commit() override {
      Step("commit");
      kafka_->EndOpen(Fate::kCommitted);
      if (kafka_->lose_commit_answer) {
        kafka_->lose_commit_answer = false;
        throw TransientError("no answer to EndTxn");
      }
    }
    std::optional<std::string> Doubt() const override { return kafka_->doubt; }
    size_t message_bytes_max() const override { return kafka_->message_bytes_max; }

   private:
    void Step(const std::string& step) {
      kafka_->before_step(step);
      if (epoch_ != kafka_->epoch_) throw TransientError("fenced");
    }
    FakeKafka* kafka_;
    int epoch_ = 0;
    std::vector<std::string> topics_;
    NextOffsets written_;
    std::optional<TooLargeError> too_large_;
  };

  class Follower : public CommittedFollower {
   public:
    Follower(FakeKafka* kafka, TopicPartition partition, int64_t from)
        : kafka_(kafka), partition_(std::move(partition)), next_(from) {}
    std::optional<CommittedRecord> Poll() override {
      while (next_ < kafka_->Offsets(std::span(&partition_, 1)).front()->high) {
        const Entry& entry = kafka_->At(partition_, next_);
        if (entry.fate == Fate::kOpen) return std::nullopt;
        const int64_t offset = next_++;
        if (IsVisible(entry)) return ToRecord(entry, 0, offset);
      }
      return std::nullopt;
    }

   private:
    FakeKafka* kafka_;
    TopicPartition partition_;
    int64_t next_;
  };

  const Entry& At(const TopicPartition& partition, int64_t offset) const {
    return topics.at(partition.topic)
        .at(static_cast<size_t>(partition.partition))
        .at(static_cast<size_t>(offset));
  }
  static bool IsVisible(const Entry& entry) {
    return entry.fate == Fate::kCommitted && !entry.is_control;
  }
  static CommittedRecord ToRecord(const Entry& entry, size_t range, int64_t offset) {
    CommittedRecord record;
    record.range = range;
    record.offset = offset;
    record.key = entry.key;
    record.value = entry.value;
    for (const auto& [name, value] : entry.headers) record.headers.push_back({name, value});
    return record;
  }
  // Ends the one transaction that is open, with a control record in each partition it wrote to.
  void EndOpen(Fate fate) {
    for (auto& [topic, partitions] : topics) {
      for (Partition& partition : partitions) {
        bool wrote = false;
        for (Entry& entry : partition) {
          if (entry.fate != Fate::kOpen) continue;
          entry.fate = fate;
          wrote = true;
        }
        if (wrote) partition.push_back({true, fate, {}, {}, {}});
      }
    }
  }

  int epoch_ = 0;
};

}  // namespace bw
