#include "publish/publish_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/bytes.h"
#include "publish/publisher.h"
#include "publish/topic_name.h"
#include "support/make_table.h"
#include "unit/publish/publish_session_fixture.h"

namespace bw {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST_F(PublishSessionTest, PublishesEveryChangeOnceInOrder) {
  Commit(10, 3);
  Commit(20);
  const auto session = StartedSession();
  Drain(session.get());
  Commit(30);
  Drain(session.get());
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c", "0/A:1c", "0/A:2c", "0/14:0c", "0/1E:0c"));
  EXPECT_EQ(NewestCheckpoint().progress, (Progress{Position::EndOf(Lsn{30}), Lsn{31}}));
  EXPECT_EQ(spool_->ledger().published(), NewestCheckpoint().progress);
  // One names the new topic's partitions, and one a Drain.
  EXPECT_EQ(kafka_.begun, 3);
}

TEST_F(PublishSessionTest, ChecksWhatItCreates) {
  options_.topic_config = {{"partitions", "4"}, {"replication", "3"}, {"retention.ms", "1"}};
  Commit(10);
  PublishAll();
  EXPECT_EQ(kafka_.created.at("test").partitions, 4);
  EXPECT_EQ(kafka_.created.at("test").replication, 3);
  EXPECT_EQ(kafka_.created.at("test").config.at("cleanup.policy"), "compact");
  EXPECT_EQ(kafka_.created.at("test").config.at("retention.ms"), "1");
  EXPECT_EQ(kafka_.created.at(kCheckpointTopic).partitions, 1);
  EXPECT_EQ(kafka_.created.at(kCheckpointTopic).replication, 3);
  EXPECT_EQ(kafka_.created.at(kCheckpointTopic).config.at("cleanup.policy"), "compact");
}

// The heart of it: a crash before any step of any transaction, and the next session makes it whole.
TEST_F(PublishSessionTest, IsExactAfterACrashBeforeEachStep) {
  Commit(10, 3);
  Commit(20, 2);
  options_.transaction_max_messages = 3;
  int steps = 0;
  kafka_.before_step = [&](const std::string&) { ++steps; };
  PublishAll();
  const auto expected = Positions();
  ASSERT_EQ(expected.size(), 5u);

  for (int crash_at = 1; crash_at <= steps; ++crash_at) {
    kafka_ = FakeKafka();
    spool_.reset();
    std::filesystem::remove_all(folder_);
    OpenSpool();
    Commit(10, 3);
    Commit(20, 2);
    int step = 0;
    kafka_.before_step = [&](const std::string& name) {
      if (++step == crash_at) throw TransientError("crash before " + name);
    };
    PublishAll();
    EXPECT_EQ(Positions(), expected) << "crash at step " << crash_at;
  }
}

TEST_F(PublishSessionTest, DoesNotRepeatACommitWhoseAnswerWasLost) {
  Commit(10, 2);
  kafka_.lose_commit_answer = true;
  PublishAll();
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c", "0/A:1c"));
}

TEST_F(PublishSessionTest, EndsInDoubtWithoutBelievingTheCommit) {
  Commit(10);
  const auto session = StartedSession();
  kafka_.doubt = "EndTxn was sent 2 times";
  const Error error = ErrorOf([&] { session->TakeStep(); });
  EXPECT_EQ(error.kind(), ErrorKind::kTransient);
  EXPECT_THAT(error.what(), HasSubstr("EndTxn was sent 2 times"));
  EXPECT_EQ(spool_->ledger().published(), Progress{});
  kafka_.doubt.reset();
  PublishAll();
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c"));
}

TEST_F(PublishSessionTest, ARemedyIsSaidAtOnceByTheNextCheckpointThatIsCommitted) {
  Commit(10);
  PublishAll();
  spool_->ledger().NoteRemedy("accept-gap=0/10");
  kafka_.doubt = "EndTxn was sent 2 times";
  ErrorOf([&] { StartedSession()->TakeStep(); });
  EXPECT_THAT(spool_->ledger().remedies(), ElementsAre("accept-gap=0/10"));
  kafka_.doubt.reset();
  PublishAll();
  EXPECT_EQ(NewestCheckpoint().remedy, "accept-gap=0/10");
  EXPECT_THAT(spool_->ledger().remedies(), ElementsAre());
  Commit(20);
  PublishAll();
  EXPECT_EQ(NewestCheckpoint().remedy, "");
}

TEST_F(PublishSessionTest, SkipsWhatATornTransactionHasPublished) {
  Commit(5);
  PublishAll();
  Commit(10, 4);
  int produced = 0;
  kafka_.before_step = [&](const std::string& step) {
    if (step == "produce" && ++produced == 3) {
      kafka_.TearOpenTransaction();
      throw TransientError("crash");
    }
  };
  ErrorOf([&] { StartedSession()->TakeStep(); });
  EXPECT_THAT(Positions(), ElementsAre("0/5:0c", "0/A:0c", "0/A:1c"));
  PublishAll();
  EXPECT_THAT(Positions(), ElementsAre("0/5:0c", "0/A:0c", "0/A:1c", "0/A:2c", "0/A:3c"));
  EXPECT_EQ(memory_->figures.torn_skipped, 2u);
}

TEST_F(PublishSessionTest, SkipsWhatATornTransactionHasPublishedToANewTopic) {
  Commit(10, 4);
  int produced = 0;
  kafka_.before_step = [&](const std::string& step) {
    // The first two claim the topic for the table and announce its partitions.
    if (step == "produce" && ++produced == 5) {
      kafka_.TearOpenTransaction();
      throw TransientError("crash");
    }
  };
  ErrorOf([&] { StartedSession()->TakeStep(); });
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c", "0/A:1c"));
  PublishAll();
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c", "0/A:1c", "0/A:2c", "0/A:3c"));
}

// The turn of what is torn may come later than the next checkpoint, and a crash in between.
TEST_F(PublishSessionTest, SkipsWhatIsTornAfterACheckpointBeforeIt) {
  Commit(5);
  PublishAll();
  Commit(10, 6);
  int produced = 0;
  kafka_.before_step = [&](const std::string& step) {
    if (step == "produce" && ++produced == 5) {
      kafka_.TearOpenTransaction();
      throw TransientError("crash");
    }
  };
  ErrorOf([&] { StartedSession()->TakeStep(); });
  kafka_.before_step = [](const std::string&) {};
  options_.transaction_max_messages = 1;
  StartedSession()->TakeStep();
  StartedSession()->TakeStep();
  PublishAll();
  EXPECT_THAT(Positions(),
              ElementsAre("0/5:0c", "0/A:0c", "0/A:1c", "0/A:2c", "0/A:3c", "0/A:4c", "0/A:5c"));
}

TEST_F(PublishSessionTest, SkipsATornTombstoneAndPublishesItsRow) {
  Commit(5);
  PublishAll();
  CommitKeyChange(10);
  int produced = 0;
  kafka_.before_step = [&](const std::string& step) {
    if (step == "produce" && ++produced == 2) {
      kafka_.TearOpenTransaction();
      throw TransientError("crash");
    }
  };
  ErrorOf([&] { StartedSession()->TakeStep(); });
  PublishAll();
  EXPECT_THAT(Positions(), ElementsAre("0/5:0c", "0/A:0d", "0/A:0u"));
}

// Each message of a Kafka transaction may be the last one that a late EndTxn commits.
TEST_F(PublishSessionTest, TornDeadLettersAndMetadataComeOnce) {
  options_.on_error = OnError::kDeadLetter;
  options_.transaction_metadata = true;
  registry_.refused = {"bad-value"};
  CommitId(5, "test");
  PublishAll();
  EXPECT_EQ(Positions("transaction-metadata").size(), 2u);
  for (int round = 1; round <= 3; ++round) {
    const int torn_after = 4 - round;  // First one with the first dead letter of all.
    const auto lsn = static_cast<uint64_t>(10 * round);
    CommitId(lsn, "bad");
    int produced = 0;
    kafka_.before_step = [&](const std::string& step) {
      if (step == "produce" && ++produced == torn_after + 1) {
        kafka_.TearOpenTransaction();
        throw TransientError("crash");
      }
    };
    ErrorOf([&] { StartedSession()->TakeStep(); });
    kafka_.before_step = [](const std::string&) {};
    PublishAll();
    EXPECT_EQ(Positions("dead-letter").size(), round);
    EXPECT_EQ(Positions("transaction-metadata").size(), 2 + 2 * round);
  }
  EXPECT_THAT(Positions("dead-letter"), ElementsAre("0/A:0c", "0/14:0c", "0/1E:0c"));
}

TEST_F(PublishSessionTest, ATruncatesTombstonesComeOnceAndBeforeLaterRows) {
  Commit(10, 5);
  Commit(20, 1);
  PublishAll();
  CommitTruncate(30);
  Commit(40, 1);
  options_.transaction_max_messages = 2;
  int produced = 0;
  kafka_.before_step = [&](const std::string& step) {
    // The fourth tombstone; each transaction of two has a checkpoint, too.
    if (step == "produce" && ++produced == 5) {
      kafka_.TearOpenTransaction();
      throw TransientError("crash");
    }
  };
  ErrorOf([&] {
    const auto session = StartedSession();
    Drain(session.get());
  });
  kafka_.before_step = [](const std::string&) {};
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c", "0/A:1c", "0/A:2c", "0/A:3c", "0/A:4c", "0/14:0c",
                                       "0/1E:0t", "0/1E:0t", "0/1E:0t"));
  PublishAll();
  EXPECT_THAT(Positions(),
              ElementsAre("0/A:0c", "0/A:1c", "0/A:2c", "0/A:3c", "0/A:4c", "0/14:0c", "0/1E:0t",
                          "0/1E:0t", "0/1E:0t", "0/1E:0t", "0/1E:0t", "0/1E:0t", "0/28:0c"));
}

TEST_F(PublishSessionTest, SplitsATransactionBeyondTheLimitAndCheckpointsEachPart) {
  options_.transaction_max_messages = 4;
  Commit(10, 10);
  PublishAll();
  EXPECT_EQ(Positions().size(), 10u);
  EXPECT_EQ(memory_->figures.split_transactions, 2u);
  const auto checkpoints = Checkpoints();
  ASSERT_EQ(checkpoints.size(), 4u);  // The first names the new topic's partitions.
  const Progress first = checkpoints[1].progress;
  EXPECT_EQ(first.position, (Position{Lsn{10}, 3}));
  // The transaction's end LSN counts only when all of it is published.
  EXPECT_LT(first.end_lsn, Lsn{11});
  EXPECT_EQ(NewestCheckpoint().progress.end_lsn, Lsn{11});
}

TEST_F(PublishSessionTest, WritesACheckpointWhenOnlyTheWalWentOn) {
  const auto session = StartedSession();
  spool_->log().AdvanceIdle(Lsn{100});
  ASSERT_TRUE(spool_->log().WaitUntilDurable(stop_, Clock::Real().Now() + Duration(10'000)));
  EXPECT_EQ(session->TakeStep(), PublishSession::Step::kIdle);
  clock_.now += options_.idle_checkpoint_interval;
  EXPECT_EQ(session->TakeStep(), PublishSession::Step::kPublished);
  EXPECT_EQ(NewestCheckpoint().progress.end_lsn, Lsn{100});
  EXPECT_EQ(session->TakeStep(), PublishSession::Step::kIdle);
  clock_.now += options_.heartbeat_interval;
  EXPECT_EQ(session->TakeStep(), PublishSession::Step::kPublished);
  EXPECT_EQ(session->TakeStep(), PublishSession::Step::kIdle);
}

TEST_F(PublishSessionTest, TrimsOnlyWhatWasReadBack) {
  Commit(10);
  const auto session = StartedSession();
  session->TakeStep();
  EXPECT_EQ(spool_->ledger().state().trimmed, Position::Zero());
  clock_.now += options_.read_back_interval;
  session->TakeStep();
  EXPECT_EQ(spool_->ledger().state().trimmed, Position::EndOf(Lsn{10}));
  EXPECT_EQ(memory_->figures.read_back, Position::EndOf(Lsn{10}));
}

TEST_F(PublishSessionTest, KeepsTheReplayWindow) {
  options_.replay_window_bytes = 15;
  Commit(10);
  Commit(20);
  const auto session = StartedSession();
  session->TakeStep();
  clock_.now += options_.read_back_interval;
  session->TakeStep();
  EXPECT_EQ(spool_->ledger().state().trimmed, Position::EndOf(Lsn{5}));
}

TEST_F(PublishSessionTest, DoesNotBeginWhileTheRegistryIsAway) {
  Commit(10);
  registry_.away = true;
  const auto session = StartedSession();
  EXPECT_EQ(session->TakeStep(), PublishSession::Step::kRegistryAway);
  EXPECT_EQ(kafka_.begun, 0);
  registry_.away = false;
  EXPECT_EQ(session->TakeStep(), PublishSession::Step::kPublished);
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c"));
}

TEST_F(PublishSessionTest, DoesNotBeginWhileBrokersAreAway) {
  const auto session = StartedSession();
  Commit(10);
  Drain(session.get());
  const int begun = kafka_.begun;
  clock_.now += options_.probe_after_idle;
  kafka_.reachable = false;
  Commit(20);
  EXPECT_EQ(ErrorOf([&] { session->TakeStep(); }).kind(), ErrorKind::kTransient);
  EXPECT_EQ(kafka_.begun, begun);
}

TEST_F(PublishSessionTest, LeavesARefusedRowOutWithOnErrorLog) {
  options_.on_error = OnError::kLog;
  kafka_.message_bytes_max = 50;
  Commit(10, 1);
  registry_.refused = {"bad-value"};
  Commit(20, 2, "bad");
  Commit(30, 1);
  PublishAll();
  EXPECT_THAT(Positions("test"), ElementsAre("0/A:0c", "0/1E:0c"));
  EXPECT_FALSE(kafka_.topics.contains("bad"));
  EXPECT_EQ(memory_->figures.rows_refused, 2u);
}

TEST_F(PublishSessionTest, ADeadLetterIsInTheTransactionOfItsNeighbours) {
  options_.on_error = OnError::kDeadLetter;
  registry_.refused = {"bad-value"};
  Commit(10);
  CommitId(20, "bad");
  CommitRefused(30);
  Commit(40);
  const auto session = StartedSession();
  Drain(session.get());
  EXPECT_THAT(Positions("test"), ElementsAre("0/A:0c", "0/28:0c"));
  EXPECT_THAT(Positions("dead-letter"), ElementsAre("0/14:0c", "0/1E:0u"));
  EXPECT_EQ(memory_->figures.dead_letters, 2u);
  EXPECT_EQ(memory_->figures.rows_refused, 0u);
}

TEST_F(PublishSessionTest, ARowThatWasRefusedAtCaptureIsLeftOutWithoutADeadLetterTopic) {
  options_.on_error = OnError::kLog;
  CommitRefused(10);
  Commit(20);
  PublishAll();
  EXPECT_THAT(Positions(), ElementsAre("0/14:0c"));
  EXPECT_FALSE(kafka_.topics.contains("dead-letter"));
  EXPECT_EQ(memory_->figures.rows_refused, 1u);
}

TEST_F(PublishSessionTest, StopsBeforeARefusedRowWithOnErrorExit) {
  kafka_.message_bytes_max = 10;
  Commit(10, 1);
  const auto session = StartedSession();
  const Error error = ErrorOf([&] { session->TakeStep(); });
  EXPECT_EQ(error.kind(), ErrorKind::kRow);
  EXPECT_EQ(error.exit_code(), ExitCode::kRowRefused);
  EXPECT_THAT(error.what(), HasSubstr("public.test"));
  EXPECT_THAT(error.what(), HasSubstr("0/A:0"));
  EXPECT_THAT(Positions(), IsEmpty());
}

TEST_F(PublishSessionTest, CreatesTheTopicsOfABatchInOneRequest) {
  Commit(10, 1, "a");
  Commit(20, 1, "b");
  Commit(30, 1, "c");
  PublishAll();
  EXPECT_EQ(kafka_.create_requests, 2);  // The other is the checkpoint's.
  EXPECT_THAT(Positions("c"), ElementsAre("0/1E:0c"));
}

TEST_F(PublishSessionTest, ARefusedTableDoesNotKeepOthersOfItsBatch) {
  options_.on_error = OnError::kLog;
  registry_.refused = {"b-value"};
  Commit(10, 1, "a");
  Commit(20, 1, "b");
  Commit(30, 1, "c");
  PublishAll();
  EXPECT_THAT(Positions("a"), ElementsAre("0/A:0c"));
  EXPECT_FALSE(kafka_.topics.contains("b"));
  EXPECT_THAT(Positions("c"), ElementsAre("0/1E:0c"));
}

TEST_F(PublishSessionTest, TopicsThatItCreatesAllowTheLargestMessage) {
  options_.message_bytes_max = 3'000'000;
  Commit(10);
  PublishAll();
  EXPECT_EQ(kafka_.created.at("test").config.at("max.message.bytes"), "3000000");
}

TEST_F(PublishSessionTest, MakesATopicWithoutTheLimitWhenTheBrokersRefuseThat) {
  kafka_.refused_settings = {"max.message.bytes"};
  Commit(10);
  PublishAll();
  EXPECT_FALSE(kafka_.created.at("test").config.contains("max.message.bytes"));
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c"));
}

TEST_F(PublishSessionTest, AsksForATopicsLimitAgainWhenAMessageWasTooLarge) {
  options_.on_error = OnError::kLog;
  Commit(10);
  const auto session = StartedSession();
  Drain(session.get());
  kafka_.created.at("test").config["max.message.bytes"] = "2000";
  kafka_.record_bytes_max["test"] = 2000;
  CommitLarge(20, 5000);
  Commit(30);
  EXPECT_EQ(ErrorOf([&] { Drain(session.get()); }).kind(), ErrorKind::kTransient);
  PublishAll();
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c", "0/1E:0c"));
  EXPECT_EQ(memory_->figures.rows_refused, 1u);
}

TEST_F(PublishSessionTest, AsksForATopicsLimitAgainBeforeARowIsRefused) {
  options_.on_error = OnError::kLog;
  options_.topic_config = {{"max.message.bytes", "2000"}};
  Commit(10);
  memory_->batch_bytes_max = 2000;
  const auto session = StartedSession();
  Drain(session.get());
  kafka_.created.at("test").config["max.message.bytes"] = "20000";
  clock_.now += std::chrono::seconds(5);
  CommitLarge(20, 5000);
  Drain(session.get());
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c", "0/14:0c"));
}

TEST_F(PublishSessionTest, FindsTheLimitByTryingWhereItMayNotBeRead) {
  options_.on_error = OnError::kLog;
  kafka_.may_read_settings = false;
  kafka_.record_bytes_max["test"] = 4000;
  Commit(10);
  CommitLarge(20, 5000);
  CommitLarge(30, 3900);
  PublishAll();
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c", "0/1E:0c"));
  EXPECT_EQ(memory_->figures.rows_refused, 1u);
}

TEST_F(PublishSessionTest, ExitsWhenAnotherInstancePublishesBehindIt) {
  Commit(10);
  const auto session = StartedSession();
  Drain(session.get());
  Commit(20);
  // Another process with a copy of the same spool.
  PublishMemory rival(&registry_);
  PublishSession rivals_session(options_, Parts(), &rival, stop_);
  rivals_session.Start();
  Drain(&rivals_session);

  Commit(30);
  EXPECT_EQ(ErrorOf([&] { session->TakeStep(); }).kind(), ErrorKind::kTransient);  // Fenced.
  const Error error = ErrorOf([&] { StartedSession(); });
  EXPECT_EQ(error.kind(), ErrorKind::kFenced);
  EXPECT_EQ(error.exit_code(), ExitCode::kAnotherRelay);
}

TEST_F(PublishSessionTest, HaltsWhenCommittedRecordsAreGone) {
  Commit(10);
  PublishAll();
  kafka_.topics["test"] = {FakeKafka::Partition{}};
  Error error = ErrorOf([&] { StartedSession(); });
  EXPECT_EQ(error.exit_code(), ExitCode::kHaltKafka);
  EXPECT_THAT(error.what(), HasSubstr("topic test partition 0"));
  overrides_.republish = true;
  Commit(20);
  PublishAll();
  EXPECT_THAT(Positions(), ElementsAre("0/14:0c"));
  EXPECT_THAT(NewestCheckpoint().remedy, HasSubstr("republish"));
}

TEST_F(PublishSessionTest, GoesOnWhenATopicWasDeleted) {
  Commit(10);
  PublishAll();
  kafka_.topics.erase("test");
  kafka_.created.erase("test");
  Commit(20);
  PublishAll();
  EXPECT_THAT(Positions(), ElementsAre("0/14:0c"));
}

TEST_F(PublishSessionTest, HaltsWhenTheCheckpointTopicIsGoneAndRepublishesWhenAllowed) {
  options_.replay_window_bytes = 1'000'000;
  Commit(10);
  PublishAll();
  kafka_ = FakeKafka();
  EXPECT_EQ(ErrorOf([&] { StartedSession(); }).exit_code(), ExitCode::kHaltKafka);
  overrides_.republish = true;
  PublishAll();
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c"));
  EXPECT_THAT(Checkpoints()[0].remedy, HasSubstr("republish"));
  overrides_.republish = false;
  Commit(20);
  PublishAll();
  EXPECT_THAT(Positions(), ElementsAre("0/A:0c", "0/14:0c"));
  EXPECT_EQ(NewestCheckpoint().remedy, "");
}

TEST_F(PublishSessionTest, HaltsAtAnUnfitCheckpointTopic) {
  kafka_.CreateTopic({kCheckpointTopic, 2, 1, {{"cleanup.policy", "compact"}}});
  EXPECT_EQ(ErrorOf([&] { StartedSession(); }).exit_code(), ExitCode::kHaltKafka);
  kafka_ = FakeKafka();
  kafka_.CreateTopic({kCheckpointTopic, 1, 1, {{"cleanup.policy", "delete"}}});
  EXPECT_EQ(ErrorOf([&] { StartedSession(); }).exit_code(), ExitCode::kHaltKafka);
}

TEST_F(PublishSessionTest, HaltsWhenACommittedCheckpointNeverAppears) {
  Commit(10);
  for (int session = 1; session <= 2; ++session) {
    const auto current = StartedSession();
    Commit(10 + 10 * static_cast<uint64_t>(session));
    current->TakeStep();
    // As if the broker had forgotten it again.
    auto& log = kafka_.topics.at(kCheckpointTopic)[0];
    for (auto& entry : log) entry.key = "other";
    clock_.now += options_.read_back_overdue;
    const Error error = ErrorOf([&] { current->TakeStep(); });
    for (auto& entry : log) entry.key = std::string(kCheckpointKey);
    EXPECT_EQ(error.kind(), session == 1 ? ErrorKind::kTransient : ErrorKind::kHalt);
  }
}

// --- Topics of one name --------------------------------------------------------------------------

class CollisionTest : public PublishSessionTest {
 protected:
  const std::string suffixed_ = TopicWithSuffix("", "public", "a_2d_b");
  // As after a restart of the process.
  void ForgetMemory() { memory_ = std::make_unique<PublishMemory>(&registry_); }
  std::vector<std::string> CheckpointKeys() {
    std::vector<std::string> keys;
    for (const auto& record : kafka_.Committed(kCheckpointTopic)) keys.push_back(*record.key);
    return keys;
  }
};

TEST_F(CollisionTest, SecondTableHasATopicOfItsOwnAlsoAfterARestart) {
  Commit(10, 1, "a-b");
  PublishAll();
  ForgetMemory();
  Commit(20, 1, "a_2d_b");
  Commit(30, 1, "a-b");
  PublishAll();
  EXPECT_THAT(Positions("a_2d_b"), ElementsAre("0/A:0c", "0/1E:0c"));
  EXPECT_THAT(Positions(suffixed_), ElementsAre("0/14:0c"));
}

TEST_F(CollisionTest, LostSpoolFindsTheClaimsInTheCheckpointTopic) {
  Commit(10, 1, "a-b");
  PublishAll();
  const Progress published = spool_->ledger().published();
  const std::string lineage = spool_->ledger().state().lineage;
  spool_.reset();
  std::filesystem::remove_all(folder_);
  OpenSpool();
  spool_->BeginStreamingAt({"S1", "shop", "bottledwater", 1}, published, lineage);
  ForgetMemory();
  Commit(20, 1, "a_2d_b");
  PublishAll();
  EXPECT_THAT(Positions("a_2d_b"), ElementsAre("0/A:0c"));
  EXPECT_THAT(Positions(suffixed_), ElementsAre("0/14:0c"));
}

TEST_F(CollisionTest, ClaimIsCommittedBeforeTheFirstRowAndWrittenOnce) {
  Commit(10, 1, "a-b");
  PublishAll();
  Commit(20, 1, "a-b");
  PublishAll();
  EXPECT_THAT(CheckpointKeys(),
              ElementsAre("topic/a_2d_b", "checkpoint", "checkpoint", "checkpoint"));
}

TEST_F(CollisionTest, CheckpointTopicThatIsMadeAgainGetsTheClaimsOfTheSpool) {
  options_.replay_window_bytes = 1'000'000;
  Commit(10, 1, "a-b");
  PublishAll();
  PublishAll();
  kafka_.topics.erase(kCheckpointTopic);
  overrides_.republish = true;
  Commit(20, 1, "a_2d_b");
  PublishAll();
  EXPECT_THAT(CheckpointKeys(), ::testing::Contains("topic/a_2d_b"));
  EXPECT_THAT(Positions(suffixed_), ElementsAre("0/14:0c"));
}

TEST_F(CollisionTest, StartReadsOnlyTheClaimsThatAreNew) {
  Commit(10, 1, "a-b");
  const auto session = StartedSession();
  Drain(session.get());
  clock_.now += options_.read_back_interval;
  session->TakeStep();  // Reads back.
  const TopicClaimNotes notes = spool_->ledger().topic_claims(kCheckpointTopic);
  EXPECT_EQ(notes.tables, (std::map<std::string, TableName>{{"a_2d_b", {"public", "a-b"}}}));
  EXPECT_GE(notes.read_through, 4);
  EXPECT_TRUE(spool_->ledger().topic_claims("another").tables.empty());
}

TEST_F(CollisionTest, TopicThatIsDeletedIsFreeForAnotherTable) {
  Commit(10, 1, "a-b");
  PublishAll();
  kafka_.topics.erase("a_2d_b");
  Commit(20, 1, "a_2d_b");
  PublishAll();
  EXPECT_THAT(Positions("a_2d_b"), ElementsAre("0/14:0c"));
  Commit(30, 1, "a-b");
  PublishAll();
  EXPECT_THAT(Positions("a_2d_b"), ElementsAre("0/14:0c"));
  EXPECT_THAT(Positions(TopicWithSuffix("", "public", "a-b")), ElementsAre("0/1E:0c"));
}

TEST_F(CollisionTest, HeldTableIsLeftOutAndNotedToBeReadAgainWhenItCanHaveItsTopic) {
  options_.on_collision = OnCollision::kHold;
  Commit(10, 1, "a-b");
  Commit(20, 2, "a_2d_b");
  Commit(30, 1, "a-b");
  PublishAll();
  EXPECT_THAT(Positions("a_2d_b"), ElementsAre("0/A:0c", "0/1E:0c"));
  EXPECT_EQ(kafka_.topics.count(suffixed_), 0U);
  EXPECT_EQ(memory_->figures.rows_refused, 2U);
  EXPECT_TRUE(spool_->ledger().rereads().empty());
  ForgetMemory();
  PublishAll();
  EXPECT_THAT(spool_->ledger().held_tables(), ElementsAre(TableName{"public", "a_2d_b"}));

  options_.on_collision = OnCollision::kSuffix;
  PublishAll();
  ASSERT_THAT(spool_->ledger().rereads(), SizeIs(1));
  EXPECT_EQ(spool_->ledger().rereads()[0].table, (TableName{"public", "a_2d_b"}));
  EXPECT_TRUE(spool_->ledger().held_tables().empty());
}

// --- A re-snapshot ------------------------------------------------------------------------------

// What an earlier spool has published, and a new one whose snapshot supersedes it: key "a" is still
// there, "b" and "c" are not, nor is anything of table "emptied"; "gone" was deleted before.
class ResnapshotTest : public PublishSessionTest {
 protected:
  ResnapshotTest() {
    options_.transaction_max_messages = 2;
    Begin();
  }

  void Begin() {
    kafka_ = FakeKafka();
    spool_.reset();
    std::filesystem::remove_all(folder_);
    OpenSpool();
    memory_ = std::make_unique<PublishMemory>(&registry_);
    Write(Operation::kInsert, {Lsn{10}, 0}, "test", "a", "1");
    Write(Operation::kInsert, {Lsn{10}, 1}, "test", "b", "1");
    Write(Operation::kInsert, {Lsn{10}, 2}, "test", "c", "1");
    Write(Operation::kInsert, {Lsn{10}, 3}, "test", "gone", "1");
    Write(Operation::kDelete, {Lsn{10}, 4}, "test", "gone", std::nullopt);
    Write(Operation::kInsert, {Lsn{10}, 5}, "emptied", "x", "1");
    Write(Operation::kInsert, {Lsn{10}, 6}, "other", "y", "1");
    End(10);
    PublishAll();
    memory_ = std::make_unique<PublishMemory>(&registry_);  // A new process.
    spool_->BeginFirstStart(spool_->ledger().state().source,
                            std::vector{spool_->ledger().state().lineage});
    Write(Operation::kSnapshot, {Lsn{499}, 0}, "test", "a", "2");
    Write(Operation::kSnapshot, {Lsn{499}, 1}, "test", "d", "2");
    ASSERT_TRUE(spool_->log().EndSnapshot(
        {Lsn{499}, Lsn{500}},
        {{"public", "test"}, {"public", "emptied"}, {"public", "never_published"}}, stop_));
    Write(Operation::kInsert, {Lsn{500}, 0}, "test", "b", "3");
    End(500);
  }
  void Write(Operation operation, const Position& position, const std::string& table,
             std::string_view key, std::optional<std::string_view> value) {
    Change change;
    change.position = position;
    change.operation = operation;
    change.schema_id = SchemaOf(table);
    change.key = key;
    change.value = value;
    spool_->log().Append(change);
  }

  // What a reader of the topic has in the end, by key without the registry's header.
  std::map<std::string, std::string> View(const std::string& topic) const {
    std::map<std::string, std::string> view;
    for (const auto& record : kafka_.Committed(topic)) {
      const std::string key = record.key->substr(5);
      view.erase(key);
      if (record.value) view[key] = record.value->substr(5);
    }
    return view;
  }
  void ExpectTopicsAreRight(const std::string& where) {
    EXPECT_THAT(View("test"), ElementsAre(Pair("a", "2"), Pair("b", "3"), Pair("d", "2"))) << where;
    EXPECT_THAT(View("emptied"), IsEmpty()) << where;
    EXPECT_THAT(View("other"), ElementsAre(Pair("y", "1"))) << where;
    EXPECT_THAT(kafka_.Committed("emptied"), SizeIs(2)) << where;
    // Five before, two tombstones, two rows of the snapshot, one change.
    const std::vector<std::string> positions = Positions();
    EXPECT_THAT(positions, SizeIs(10)) << where;
    EXPECT_EQ(std::set(positions.begin(), positions.end()).size(), 10u) << where;
    EXPECT_EQ(NewestCheckpoint().progress, (Progress{Position::EndOf(Lsn{500}), Lsn{501}}));
  }
};

TEST_F(ResnapshotTest, GivesKeysThatAreNoMoreTheirTombstoneBeforeTheSnapshotsRows) {
  PublishAll();
  ExpectTopicsAreRight("");
  std::vector<std::string> positions = Positions();
  positions.erase(positions.begin(), positions.begin() + 5);
  EXPECT_THAT(positions,
              UnorderedElementsAre("0/1F2:0d", "0/1F2:1d", "0/1F3:0r", "0/1F3:1r", "0/1F4:0c"));
  EXPECT_THAT(positions[2], "0/1F3:0r");
  bool is_noted = false;
  for (const Checkpoint& checkpoint : Checkpoints()) {
    is_noted = is_noted || checkpoint.remedy == "resnapshot";
  }
  EXPECT_TRUE(is_noted);
}

TEST_F(ResnapshotTest, IsExactAfterACrashBeforeEachStep) {
  int steps = 0;
  kafka_.before_step = [&](const std::string&) { ++steps; };
  PublishAll();
  for (int crash_at = 1; crash_at <= steps; ++crash_at) {
    Begin();
    int step = 0;
    kafka_.before_step = [&](const std::string& name) {
      if (++step == crash_at) throw TransientError("crash before " + name);
    };
    PublishAll();
    ExpectTopicsAreRight(fmt::format("crash at step {}", crash_at));
  }
}

TEST_F(ResnapshotTest, IsExactAfterATornTransaction) {
  int produced = 0;
  kafka_.before_step = [&](const std::string& step) { produced += step == "produce" ? 1 : 0; };
  PublishAll();
  const int messages = produced;
  for (int tear_at = 1; tear_at <= messages; ++tear_at) {
    Begin();
    produced = 0;
    kafka_.before_step = [&](const std::string& step) {
      if (step == "produce" && ++produced == tear_at) {
        kafka_.TearOpenTransaction();
        throw TransientError("crash");
      }
    };
    PublishAll();
    ExpectTopicsAreRight(fmt::format("torn at message {}", tear_at));
  }
}

TEST_F(ResnapshotTest, WaitsForTheRegistryWithoutTouchingATopic) {
  PublishAll();  // Learns nothing that a new process knows.
  Begin();
  registry_.ids.clear();
  registry_.away = true;
  const auto session = StartedSession();
  EXPECT_EQ(session->TakeStep(), PublishSession::Step::kRegistryAway);
  EXPECT_THAT(Positions(), SizeIs(5));
  registry_.away = false;
  Drain(session.get());
  EXPECT_THAT(View("emptied"), IsEmpty());
}

TEST_F(ResnapshotTest, LeavesATopicAloneWhoseRowsAreRefused) {
  options_.on_error = OnError::kLog;
  registry_.refused = {"test-key", "test-value"};
  PublishAll();
  EXPECT_THAT(View("test"), ElementsAre(Pair("a", "1"), Pair("b", "1"), Pair("c", "1")));
  EXPECT_THAT(View("emptied"), IsEmpty());
}

TEST_F(ResnapshotTest, OfOneTableWhileTheSpoolStreamsComesBetweenTheChanges) {
  PublishAll();
  // What is in the topic and not in the table, as after a TRUNCATE.
  Write(Operation::kSnapshot, {Lsn{599}, 0}, "test", "a", "4");
  ASSERT_TRUE(spool_->log().EndSnapshot({Lsn{599}, Lsn{600}}, {{"public", "test"}}, stop_));
  Write(Operation::kInsert, {Lsn{600}, 0}, "test", "d", "5");
  End(600);
  PublishAll();
  EXPECT_THAT(View("test"), ElementsAre(Pair("a", "4"), Pair("d", "5")));
  EXPECT_THAT(View("other"), ElementsAre(Pair("y", "1")));
}

}  // namespace
}  // namespace bw
