// A replay that dies at each step of its producer, and is repeated.

#include "relay/replay.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "avro/schema_builder.h"
#include "base/error.h"
#include "publish/topic_name.h"
#include "support/make_table.h"
#include "support/one_by_one_registry.h"
#include "unit/publish/fake_kafka.h"

namespace bw {
namespace {

namespace fs = std::filesystem;

// One Kafka for all connections to it.
class ConnectedKafka : public KafkaCluster {
 public:
  explicit ConnectedKafka(FakeKafka* kafka) : kafka_(kafka) {}
  std::string ClusterId() override { return kafka_->ClusterId(); }
  std::vector<std::optional<int32_t>> PartitionCounts(
      std::span<const std::string> topics) override {
    return kafka_->PartitionCounts(topics);
  }
  std::vector<std::optional<Error>> RequestTopics(std::span<const TopicSpec> specs) override {
    return kafka_->RequestTopics(specs);
  }
  std::optional<Error> RefusalOf(const TopicSpec& spec) override { return kafka_->RefusalOf(spec); }
  void WaitForTopics(std::span<const std::string> topics) override {
    kafka_->WaitForTopics(topics);
  }
  std::vector<std::optional<TopicConfigMap>> TopicConfigs(
      std::span<const std::string> topics) override {
    return kafka_->TopicConfigs(topics);
  }
  std::vector<std::optional<StoredOffsets>> Offsets(
      std::span<const TopicPartition> partitions) override {
    return kafka_->Offsets(partitions);
  }
  std::unique_ptr<TransactionalProducer> CreateProducer(const ProducerOptions& options) override {
    return kafka_->CreateProducer(options);
  }
  void ReadCommitted(std::span<const ReadRange> ranges,
                     const std::function<void(const CommittedRecord&)>& visit) override {
    kafka_->ReadCommitted(ranges, visit);
  }
  std::unique_ptr<CommittedFollower> Follow(const TopicPartition& partition,
                                            int64_t from) override {
    return kafka_->Follow(partition, from);
  }

 private:
  FakeKafka* const kafka_;
};

class Registry : public OneByOneRegistry {
 public:
  int32_t Register(const std::string&, const std::string&) override { return 1; }
};

class ReplayTest : public testing::Test {
 protected:
  ReplayTest() {
    char path[] = "/tmp/bottledwater-replay-test-XXXXXX";
    root_ = mkdtemp(path);
    setenv("TMPDIR", root_.c_str(), 1);
    options_.spool.directory = root_ + "/spool";
    options_.publish.transaction_max_messages = 2;
    options_.publish.commit_pause = Duration(0);
    options_.command.spool.to_topic_prefix = "again";
    options_.command.spool.from = Lsn{300};
    spool_ = Spool::Open(options_.spool);
    spool_->BeginStreamingAt({"S1", "shop", "bottledwater", 1}, {{Lsn{1}, 0}, Lsn{1}}, "");
    spool_->log().DropUncaptured();
    const Table columns{"public", "test", {MakeColumn("id", 23, true)}};
    schema_ = spool_->log().AddSchema(
        {"public", "test", BuildKeySchema(columns), BuildValueSchema(columns)});
    Commit(200, 2);
    Commit(300, 3);  // Split over Kafka transactions.
    Commit(400, 1);
  }
  ~ReplayTest() override {
    unsetenv("TMPDIR");
    spool_.reset();
    fs::remove_all(root_);
  }

  void Commit(uint64_t lsn, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      Change change;
      change.position = {Lsn{lsn}, i};
      change.schema_id = schema_;
      change.commit_time_us = static_cast<int64_t>(lsn) * 1000;
      const std::string body = change.position.ToString();
      change.key = body;
      change.value = body;
      spool_->log().Append(change);
    }
    spool_->log().EndTransaction({Lsn{lsn}, Lsn{lsn + 1}});
    ASSERT_TRUE(spool_->log().WaitUntilDurable(Stop(), Clock::Real().Now() + Duration(10'000)));
  }
  // Stops at the producer's step of this number, as a crash there.
  Replay::Outcome Run(FakeKafka* kafka, int crash_at = 0) {
    Stop stop;
    int steps = 0;
    kafka->before_step = [&](const std::string& step) {
      // And at each later step: with its Kafka back, another session would go on.
      if (crash_at == 0 || ++steps < crash_at) return;
      stop.Request();
      throw TransientError("crashed before " + step);
    };
    Outside outside;
    outside.kafka = [&](const PublishOptions&, const Stop&) {
      return std::make_unique<ConnectedKafka>(kafka);
    };
    outside.registry = [](const Stop&) { return std::make_unique<Registry>(); };
    const Replay::Outcome outcome = Replay(options_, outside, &stop).Run();
    kafka->before_step = [](const std::string&) {};
    return outcome;
  }
  static std::vector<std::string> Published(const FakeKafka& kafka) {
    std::vector<std::string> positions;
    for (const auto& entry : kafka.Committed("again.test"))
      positions.push_back(entry.Header("lsn"));
    return positions;
  }

  inline static const std::vector<std::string> kRange = {"0/12C:0", "0/12C:1", "0/12C:2",
                                                         "0/190:0"};
  std::string root_;
  Options options_;
  std::unique_ptr<Spool> spool_;
  SchemaId schema_;
};

TEST_F(ReplayTest, PublishesTheRangeOnceWhereverItDies) {
  bool crashed = true;
  int crash_at = 0;
  while (crashed) {
    FakeKafka kafka;
    crashed = !Run(&kafka, ++crash_at).complete;
    const Replay::Outcome outcome = Run(&kafka);
    EXPECT_TRUE(outcome.complete);
    EXPECT_EQ(Published(kafka), kRange) << "after a crash at step " << crash_at;
  }
  EXPECT_GT(crash_at, 15);
  EXPECT_EQ(spool_->ledger().published().position, Position::Zero());
}

TEST_F(ReplayTest, GoesOnToALaterEndAndRefusesAnotherBeginning) {
  FakeKafka kafka;
  options_.command.spool.to = Lsn{350};
  EXPECT_EQ(Run(&kafka).changes, 3u);
  EXPECT_EQ(Run(&kafka).changes, 0u);
  options_.command.spool.to = Lsn::Max();
  const Replay::Outcome outcome = Run(&kafka);
  EXPECT_EQ(outcome.changes, 1u);
  EXPECT_EQ(outcome.transactions, 1u);
  EXPECT_EQ(outcome.resumed_after, Position::EndOf(Lsn{300}));
  EXPECT_EQ(Published(kafka), kRange);
  options_.command.spool.from = Lsn{400};
  EXPECT_THROW(Run(&kafka), Error);
  EXPECT_EQ(Published(kafka), kRange);
  EXPECT_EQ(std::distance(fs::directory_iterator(root_), fs::directory_iterator()),
            1);  // The spool.
}

TEST_F(ReplayTest, RefusesWhatIsTrimmed) {
  FakeKafka kafka;
  options_.command.spool.to = Lsn{350};
  EXPECT_TRUE(Run(&kafka).complete);
  // What an earlier run has published may go, ...
  spool_->log().Trim(Position::EndOf(Lsn{300}));
  EXPECT_EQ(Run(&kafka).changes, 0u);
  // ... but not what it has not.
  spool_->log().Trim(Position::EndOf(Lsn{400}));
  options_.command.spool.to = Lsn::Max();
  EXPECT_THROW(Run(&kafka), Error);
  options_.command.spool.to_topic_prefix = "another";
  try {
    Run(&kafka);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    EXPECT_NE(std::string(error.what()).find("the oldest there are those of 0/191"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(ReplayTest, NeverWritesToTheRelaysOwnTopics) {
  FakeKafka kafka;
  TopicClaimNotes notes;
  notes.checkpoint_topic = CheckpointTopic("again", {"S1", "shop", "bottledwater", 1});
  ASSERT_TRUE(spool_->ledger().NoteTopicClaims(notes));
  EXPECT_THROW(Run(&kafka), Error);
  EXPECT_TRUE(kafka.topics.empty());
}

}  // namespace
}  // namespace bw
