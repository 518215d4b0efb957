// A replay that dies at each step of its producer, and is repeated.

#include "relay/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "avro/schema_builder.h"
#include "base/error.h"
#include "publish/publish_session.h"
#include "publish/topic_name.h"
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
    options_.publish.replay_window_bytes = kMiB;
    options_.command.spool.to_topic_prefix = "again";
    options_.command.spool.from = Lsn{300};
    spool_ = Spool::Open(options_.spool);
    spool_->BeginStreamingAt({"S1", "shop", "bottledwater", 1}, {{Lsn{1}, 0}, Lsn{1}}, "");
    spool_->log().DropUncaptured();
    const Table columns{"public", "test", {{"id", 23, -1, "integer", true}}};
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
  void ForgetThatItPublished() {
    if (!spool_) spool_ = Spool::Open(options_.spool);
    spool_->ledger().RewindPublished({});
  }
  // Publishes as a relay that dies after so many steps; to where it is idle when there are fewer.
  void RunRelay(FakeKafka* kafka, int steps = 100, const Overrides& overrides = {}) {
    if (!spool_) spool_ = Spool::Open(options_.spool);
    const std::atomic<bool> paused{false};
    Registry registry;
    PublishMemory memory(&registry);
    const Stop stop;
    PublishParts parts;
    parts.paused = &paused;
    parts.cluster = kafka;
    parts.spool = spool_.get();
    parts.overrides = overrides;
    PublishSession session(options_.publish, parts, &memory, stop);
    session.Start();
    while (steps-- > 0 && session.TakeStep() == PublishSession::Step::kPublished) {
    }
  }
  bool RelayHalts(FakeKafka* kafka) {
    try {
      RunRelay(kafka, 0);
      return false;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("[replay-unfinished]"), std::string::npos);
      return true;
    }
  }
  // A replay into the relay's own topics, which has ended.
  Replay::Outcome RunInPlace(FakeKafka* kafka, int crash_at = 0) {
    spool_.reset();
    options_.command.spool.to_topic_prefix = "";
    return Run(kafka, crash_at);
  }
  // Whether it died at that step.
  bool DiesInPlace(FakeKafka* kafka, int crash_at) {
    try {
      return !RunInPlace(kafka, crash_at).complete;
    } catch (const Error&) {
      kafka->before_step = [](const std::string&) {};
      return true;
    }
  }
  // Stops at the producer's step of this number, as a crash there.
  Replay::Outcome Run(FakeKafka* kafka, int crash_at = 0) {
    Stop stop;
    int steps = 0;
    kafka->before_step = [&](const std::string& step) {
      if (++steps != crash_at) return;
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
  static std::vector<std::string> Published(const FakeKafka& kafka,
                                            const std::string& topic = "again.test") {
    std::vector<std::string> positions;
    for (const auto& entry : kafka.Committed(topic)) positions.push_back(entry.Header("lsn"));
    return positions;
  }

  static constexpr char kRelaysCheckpoint[] = "bottledwater.shop.bottledwater.checkpoint";
  inline static const std::vector<std::string> kAll = {"0/C8:0",  "0/C8:1",  "0/12C:0",
                                                       "0/12C:1", "0/12C:2", "0/190:0"};
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

TEST_F(ReplayTest, InPlaceOfTheRelayOnceWhereverItDies) {
  options_.publish.transaction_max_messages = 3;
  FakeKafka published;
  RunRelay(&published);
  std::vector<std::string> twice = kAll;
  twice.insert(twice.end(), kRange.begin(), kRange.end());
  bool died = true;
  int crash_at = 0;
  int halts = 0;
  while (died) {
    FakeKafka kafka = published;
    died = DiesInPlace(&kafka, ++crash_at);
    const size_t count = Published(kafka, "test").size();
    const bool halted = RelayHalts(&kafka);
    halts += halted;
    const bool is_half_done = count > kAll.size() && count < twice.size();
    EXPECT_TRUE(halted || !is_half_done) << crash_at;
    EXPECT_FALSE(halted && !died);
    EXPECT_TRUE(RunInPlace(&kafka).complete) << crash_at;
    EXPECT_EQ(Published(kafka, "test"), twice) << "after a crash at step " << crash_at;
    EXPECT_FALSE(ReadNewestCheckpoint(&kafka, kRelaysCheckpoint).checkpoint->unfinished_replay);
  }
  EXPECT_GT(crash_at, 20);
  EXPECT_GT(halts, 10);
}

TEST_F(ReplayTest, InPlaceItEndsWhereTheRelayHasCome) {
  FakeKafka kafka;
  RunRelay(&kafka, 2);  // Two of the three changes at 0/12C.
  EXPECT_TRUE(RunInPlace(&kafka).complete);
  EXPECT_EQ(Published(kafka, "test"),
            (std::vector<std::string>{kAll[0], kAll[1], kAll[2], kAll[3], kAll[2], kAll[3]}));
  EXPECT_EQ(RunInPlace(&kafka).changes, 0u);
  RunRelay(&kafka);
  Commit(500, 1);
  RunRelay(&kafka);
  EXPECT_EQ(Published(kafka, "test"),
            (std::vector<std::string>{kAll[0], kAll[1], kAll[2], kAll[3], kAll[2], kAll[3], kAll[4],
                                      kAll[5], "0/1F4:0"}));
  // Now it is another one.
  EXPECT_EQ(RunInPlace(&kafka).changes, 5u);
}

TEST_F(ReplayTest, InPlaceEachTableKeepsTheTopicThatItHas) {
  FakeKafka kafka;
  const auto commit_of = [&](const std::string& table, uint64_t lsn) {
    const Table columns{"public", table, {{"id", 23, -1, "integer", true}}};
    schema_ = spool_->log().AddSchema(
        {"public", table, BuildKeySchema(columns), BuildValueSchema(columns)});
    Commit(lsn, 1);
  };
  commit_of("a-b", 500);
  commit_of("a_2d_b", 600);
  RunRelay(&kafka);
  const std::string second = TopicWithSuffix("", "public", "a_2d_b");
  options_.command.spool.from = Lsn{600};
  EXPECT_TRUE(RunInPlace(&kafka).complete);
  EXPECT_EQ(Published(kafka, "a_2d_b"), std::vector<std::string>{"0/1F4:0"});
  EXPECT_EQ(Published(kafka, second), (std::vector<std::string>{"0/258:0", "0/258:0"}));
}

TEST_F(ReplayTest, InPlaceAnotherBeginningIsRefusedUntilItHasEndedOrIsGivenUp) {
  FakeKafka kafka;
  RunRelay(&kafka);
  int crash_at = 0;
  while (Published(kafka, "test").size() == kAll.size()) DiesInPlace(&kafka, ++crash_at);
  options_.command.spool.from = Lsn{200};
  EXPECT_THROW(RunInPlace(&kafka), Error);
  // Also where the spool is lost, or is an older copy: Kafka knows.
  ASSERT_TRUE(RelayHalts(&kafka));
  const std::vector<std::string> before = Published(kafka, "test");
  Commit(500, 1);
  Overrides overrides;
  overrides.accept_gap = Lsn{400};
  RunRelay(&kafka, 100, overrides);
  EXPECT_FALSE(RelayHalts(&kafka));
  EXPECT_EQ(Published(kafka, "test").size(), before.size() + 1);
  options_.command.spool.from = Lsn{501};
  EXPECT_THROW(RunInPlace(&kafka), Error);  // Nothing is published from there on.
}

TEST_F(ReplayTest, InPlaceNotBesideARelay) {
  FakeKafka kafka;
  RunRelay(&kafka);
  options_.command.spool.to_topic_prefix = "";
  try {
    Run(&kafka);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kAnotherRelay);
    EXPECT_NE(std::string(error.what()).find("--to-topic-prefix"), std::string::npos);
  }
  EXPECT_EQ(Published(kafka, "test"), kAll);
}

TEST_F(ReplayTest, InPlaceNotWithinAResnapshot) {
  for (uint64_t i = 0; i < 3; ++i) {
    Change change;
    change.position = {Lsn{500}, i};
    change.operation = Operation::kSnapshot;
    change.schema_id = schema_;
    const std::string body = change.position.ToString();
    change.key = body;
    change.value = body;
    spool_->log().Append(change);
  }
  ASSERT_TRUE(spool_->log().EndSnapshot({Lsn{500}, Lsn{501}}, {{"public", "test"}}, Stop()));
  int refused = 0;
  for (int steps = 4; steps < 12; ++steps) {
    FakeKafka fresh;
    ForgetThatItPublished();
    RunRelay(&fresh, steps);
    const Position position = spool_->ledger().published().position;
    const bool is_within = position.commit_lsn >= Lsn{499} && position < Position::EndOf(Lsn{500});
    if (!is_within) continue;
    ++refused;
    EXPECT_THAT([&] { RunInPlace(&fresh); },
                testing::ThrowsMessage<Error>(testing::HasSubstr("a part of a re-snapshot")));
  }
  EXPECT_GT(refused, 1);
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
