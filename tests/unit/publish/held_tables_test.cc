#include "publish/held_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "unit/publish/publish_session_fixture.h"

namespace bw {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const TableName kTest{"public", "test"};
const TableName kSecond{"public", "second"};

TEST(HeldTables, IsHeldFromJustBeforeItsRow) {
  EXPECT_EQ(JustBefore({Lsn{20}, 7}), (Position{Lsn{20}, 6}));
  EXPECT_EQ(JustBefore({Lsn{20}, 0}), Position::EndOf(Lsn{19}));
  HeldTables held;
  held.HoldFrom(kTest, {Lsn{20}, 1});
  EXPECT_TRUE(held.Holds(kTest));
  EXPECT_FALSE(held.Holds(kSecond));
  EXPECT_EQ(held.positions(), (HeldPositions{{kTest, {Lsn{20}, 0}}}));
  EXPECT_FALSE(held.NextToTry()) << "what is refused now is tried by the next session";
}

TEST(HeldTables, CatchesUpInSteps) {
  const Position published = Position::EndOf(Lsn{40});
  HeldTables held({{kTest, {Lsn{20}, 0}}});
  EXPECT_EQ(held.NextToTry(), kTest);
  EXPECT_EQ(held.BeginCatchUp(kTest), (Position{Lsn{20}, 0}));
  EXPECT_FALSE(held.EndCatchUp(kTest, Position::EndOf(Lsn{30}), published));
  EXPECT_EQ(held.positions(), (HeldPositions{{kTest, Position::EndOf(Lsn{30})}}));
  EXPECT_EQ(held.NextToTry(), kTest);
  held.BeginCatchUp(kTest);
  EXPECT_TRUE(held.EndCatchUp(kTest, published, published));
  EXPECT_TRUE(held.empty());
  EXPECT_FALSE(held.NextToTry());
}

TEST(HeldTables, StaysHeldFromWhereItIsRefusedAgain) {
  HeldTables held({{kTest, {Lsn{20}, 0}}});
  held.BeginCatchUp(kTest);
  held.HoldFrom(kTest, {Lsn{30}, 4});
  EXPECT_FALSE(held.EndCatchUp(kTest, Position::EndOf(Lsn{40}), Position::EndOf(Lsn{40})));
  EXPECT_EQ(held.positions(), (HeldPositions{{kTest, {Lsn{30}, 3}}}));
  EXPECT_FALSE(held.NextToTry());
}

TEST(CheckpointFormat, SaysWhichTablesAreHeld) {
  Checkpoint checkpoint;
  checkpoint.progress = {Position::EndOf(Lsn{40}), Lsn{41}};
  checkpoint.next_offsets = {{{"test", 0}, 12}};
  EXPECT_NE(EncodeCheckpoint(checkpoint).find("\"format\":1,"), std::string::npos);
  checkpoint.held = {{kTest, {Lsn{20}, 6}}, {kSecond, Position::EndOf(Lsn{9})}};
  const std::string value = EncodeCheckpoint(checkpoint);
  EXPECT_NE(value.find("\"format\":3,"), std::string::npos) << "older relays must halt";
  EXPECT_EQ(DecodeCheckpoint(value, "here"), checkpoint);
  EXPECT_EQ(PublishedOfAll(checkpoint.progress.position, checkpoint.held), Position::EndOf(Lsn{9}));
  checkpoint.next_offsets.clear();
  checkpoint.parts = {{'a', "00000000"}};
  EXPECT_EQ(DecodeCheckpoint(EncodeCheckpoint(checkpoint), "here"), checkpoint);
}

// Tables "test" and "second" with rows that are too large until the limit is raised, among others.
class HoldTest : public PublishSessionTest {
 protected:
  HoldTest() {
    options_.on_error = OnError::kHold;
    options_.topic_config["max.message.bytes"] = "1000";
  }
  void Fill() {
    Commit(10, 2, "test");
    Commit(11, 1, "other");
    CommitLarge(20, 2'000);
    Commit(21, 1, "other");
    Commit(30, 3, "test");
    CommitTooLarge(32, "second");
    Commit(34, 2, "second");
    Commit(41, 2, "other");
  }
  void CommitTooLarge(uint64_t lsn, const std::string& table) {
    const std::string body(2'000, 'x');
    Change change;
    change.position = {Lsn{lsn}, 0};
    change.schema_id = SchemaOf(table);
    change.key = "key";
    change.value = body;
    spool_->log().Append(change);
    End(lsn);
  }
  void RaiseLimit() {
    for (auto& [topic, spec] : kafka_.created) {
      if (spec.config.contains("max.message.bytes")) spec.config["max.message.bytes"] = "100000";
    }
    options_.topic_config["max.message.bytes"] = "100000";
  }
  void ExpectAllOnceInOrder() {
    EXPECT_THAT(Positions("test"),
                ElementsAre("0/A:0c", "0/A:1c", "0/14:0c", "0/1E:0c", "0/1E:1c", "0/1E:2c"));
    EXPECT_THAT(Positions("second"), ElementsAre("0/20:0c", "0/22:0c", "0/22:1c"));
    EXPECT_THAT(Positions("other"),
                ElementsAre("0/B:0c", "0/15:0c", "0/29:0c", "0/29:1c", "0/32:0c"));
    EXPECT_THAT(NewestCheckpoint().held, IsEmpty());
  }
  void BeginAnew() {
    spool_.reset();
    std::filesystem::remove_all(folder_);
    kafka_ = FakeKafka();
    options_.topic_config["max.message.bytes"] = "1000";
    memory_ = std::make_unique<PublishMemory>(&registry_);
    OpenSpool();
  }
  // What a crash leaves: the next session belongs to a new process.
  void PublishWithCrashes() {
    for (int attempt = 0; attempt < 20; ++attempt) {
      try {
        Drain(StartedSession().get());
        return;
      } catch (const Error& error) {
        ASSERT_EQ(error.kind(), ErrorKind::kTransient) << error.what();
        if (std::string(error.what()) != "crash") continue;
        memory_ = std::make_unique<PublishMemory>(&registry_);
      }
    }
    FAIL() << "no session succeeds";
  }
};

TEST_F(HoldTest, TheOthersFlowAndTheTableGoesOnWhereItStopped) {
  Fill();
  PublishAll();
  EXPECT_THAT(Positions("test"), ElementsAre("0/A:0c", "0/A:1c"));
  EXPECT_THAT(Positions("second"), IsEmpty());
  EXPECT_THAT(Positions("other"), ElementsAre("0/B:0c", "0/15:0c", "0/29:0c", "0/29:1c"));
  EXPECT_EQ(NewestCheckpoint().held, (HeldPositions{{kTest, Position::EndOf(Lsn{19})},
                                                    {kSecond, Position::EndOf(Lsn{31})}}));
  PublishAll();
  EXPECT_EQ(NewestCheckpoint().held.size(), 2u) << "refused again";
  RaiseLimit();
  Commit(50, 1, "other");
  PublishAll();
  ExpectAllOnceInOrder();
}

TEST_F(HoldTest, TheSpoolIsNotTrimmedBeyondAHeldTable) {
  Fill();
  PublishAll();
  const auto session = StartedSession();
  Drain(session.get());
  clock_.now += Duration(2'000);
  session->TakeStep();
  EXPECT_EQ(spool_->ledger().trimmed(), Position::EndOf(Lsn{19}));
}

TEST_F(HoldTest, TheSpoolIsTrimmedOnceTheTableHasCaughtUp) {
  Fill();
  PublishAll();
  RaiseLimit();
  const auto session = StartedSession();
  Drain(session.get());
  clock_.now += Duration(2'000);
  session->TakeStep();
  EXPECT_EQ(spool_->ledger().trimmed(), Position::EndOf(Lsn{41}));
}

TEST_F(HoldTest, AnotherPolicyGoesOnAtTheHeldRow) {
  Fill();
  PublishAll();
  options_.on_error = OnError::kExit;
  const Error error = ErrorOf([&] { Drain(StartedSession().get()); });
  EXPECT_EQ(error.kind(), ErrorKind::kRow) << error.what();
  options_.on_error = OnError::kLog;
  PublishAll();
  EXPECT_THAT(Positions("test"), ElementsAre("0/A:0c", "0/A:1c", "0/1E:0c", "0/1E:1c", "0/1E:2c"));
  EXPECT_THAT(Positions("second"), ElementsAre("0/22:0c", "0/22:1c"));
  EXPECT_THAT(NewestCheckpoint().held, IsEmpty());
}

// What is above the checkpoint was never left out: it comes with the other tables' changes.
TEST_F(HoldTest, ACatchUpEndsAtTheCheckpoint) {
  Commit(10, 1, "test");
  CommitLarge(20, 2'000);
  Commit(30, 1, "other");
  PublishAll();
  RaiseLimit();
  Commit(50, 2, "test");
  PublishAll();
  EXPECT_THAT(Positions("test"), ElementsAre("0/A:0c", "0/14:0c", "0/32:0c", "0/32:1c"));
  EXPECT_EQ(memory_->figures.changes, 5u);
}

TEST_F(HoldTest, EachChangeCountsWhenItIsPublished) {
  Fill();
  PublishAll();
  EXPECT_EQ(memory_->figures.changes, 6u);
  EXPECT_EQ(memory_->figures.passed(), 13u);
  PublishAll();
  EXPECT_EQ(memory_->figures.changes, 6u) << "refused again";
  ASSERT_THAT(memory_->figures.held, SizeIs(2));
  EXPECT_EQ(memory_->figures.held[1].after, Position::EndOf(Lsn{19}));
  EXPECT_NE(memory_->figures.held[1].reason.find("2028 bytes"), std::string::npos)
      << memory_->figures.held[1].reason;
  EXPECT_FALSE(spool_->ledger().IsAllPublished());
  RaiseLimit();
  PublishAll();
  EXPECT_EQ(memory_->figures.changes, 13u);
  EXPECT_EQ(memory_->figures.passed(), 13u);
  EXPECT_THAT(memory_->figures.held, IsEmpty());
  EXPECT_TRUE(spool_->ledger().IsAllPublished());
}

TEST_F(HoldTest, ANewSpoolNotesHeldTablesToBeReadAgainBeforeItsFirstCheckpoint) {
  Fill();
  PublishAll();
  const Progress published = NewestCheckpoint().progress;
  const std::string predecessor = spool_->ledger().state().lineage;
  spool_->BeginStreamingAt({"S1", "shop", "bottledwater", 1}, published, predecessor);
  const auto session = StartedSession();
  ASSERT_THAT(spool_->ledger().rereads(), SizeIs(2));
  EXPECT_EQ(spool_->ledger().rereads()[0].table, kSecond);
  EXPECT_EQ(spool_->ledger().rereads()[1].table, kTest);
  Commit(50, 1, "other");
  Drain(session.get());
  EXPECT_THAT(NewestCheckpoint().held, IsEmpty());
}

TEST_F(HoldTest, ATableWaitsForCaptureToComeAsFarAsTheCheckpoint) {
  Commit(10, 1, "test");
  CommitLarge(20, 2'000);
  const std::string lineage = spool_->ledger().state().lineage;
  PublishAll();
  Commit(30, 1, "test");
  Commit(41, 1, "other");
  PublishAll();
  RaiseLimit();
  // An older copy of the spool, which lacks what came after 20.
  spool_->BeginStreamingAt({"S1", "shop", "bottledwater", 1}, {Position::EndOf(Lsn{15}), Lsn{16}},
                           "", lineage);
  CommitLarge(20, 2'000);
  const auto session = StartedSession();
  Drain(session.get());
  EXPECT_THAT(Positions("test"), ElementsAre("0/A:0c"));
  Commit(30, 1, "test");
  Commit(41, 1, "other");
  Drain(session.get());
  EXPECT_THAT(Positions("test"), ElementsAre("0/A:0c", "0/14:0c", "0/1E:0c"));
  EXPECT_THAT(Positions("other"), ElementsAre("0/29:0c"));
  EXPECT_THAT(NewestCheckpoint().held, IsEmpty());
}

// The process dies before each step of its producer, while tables are held and while they catch up;
// or a late EndTxn then commits what was produced so far. Each step in turn takes a minute; without
// BOTTLEDWATER_SLOW_TESTS some of them stand for all.
TEST_F(HoldTest, EveryChangeComesOnceWhateverCrashes) {
  const bool is_slow = std::getenv("BOTTLEDWATER_SLOW_TESTS") != nullptr;
  const int stride = is_slow ? 1 : 7;
  for (const bool tears : {false, true}) {
    for (const size_t at_once : {size_t{1}, size_t{3}, size_t{10'000}}) {
      if (at_once == 1 && !is_slow) continue;
      for (int crash_at = tears ? 4 : 1;; crash_at += stride) {
        BeginAnew();
        options_.transaction_max_messages = at_once;
        int steps = 0;
        bool crashed = false;
        kafka_.before_step = [&](const std::string&) {
          if (++steps != crash_at) return;
          crashed = true;
          if (tears) kafka_.TearOpenTransaction();
          throw TransientError("crash");
        };
        Fill();
        PublishWithCrashes();
        RaiseLimit();
        PublishWithCrashes();
        Commit(50, 1, "other");
        PublishWithCrashes();
        ExpectAllOnceInOrder();
        if (HasFailure()) FAIL() << "tears " << tears << " max " << at_once << " at " << crash_at;
        if (!crashed) break;
      }
    }
  }
}

// Its row is in Kafka already, is then too large for a lowered limit, and so holds its table.
TEST_F(HoldTest, WhatIsTornStaysKnownWhileItsTableIsHeld) {
  RaiseLimit();
  Commit(10, 1, "test");
  Commit(11, 1, "other");
  PublishAll();
  CommitLarge(20, 2'000);
  Commit(30, 1, "test");
  int flushes = 0;
  kafka_.before_step = [&](const std::string& step) {
    if (step != "flush" || ++flushes != 1) return;
    kafka_.TearOpenTransaction();
    throw TransientError("crash");
  };
  ErrorOf([&] { Drain(StartedSession().get()); });
  kafka_.before_step = [](const std::string&) {};
  ASSERT_THAT(Positions("test"), ElementsAre("0/A:0c", "0/14:0c", "0/1E:0c"));
  kafka_.created.at("test").config["max.message.bytes"] = "1500";
  Commit(40, 1, "other");
  PublishAll();
  EXPECT_THAT(NewestCheckpoint().held, SizeIs(1));
  Commit(50, 1, "other");
  PublishAll();
  RaiseLimit();
  options_.transaction_max_messages = 1;  // It catches up in two transactions.
  PublishAll();
  EXPECT_THAT(Positions("test"), ElementsAre("0/A:0c", "0/14:0c", "0/1E:0c"));
  EXPECT_THAT(Positions("other"), ElementsAre("0/B:0c", "0/28:0c", "0/32:0c"));
  EXPECT_THAT(NewestCheckpoint().held, IsEmpty());
}

TEST_F(HoldTest, ATruncateWaitsForItsTable) {
  Commit(10, 2, "test");
  CommitLarge(20, 2'000);
  CommitTruncate(25);
  Commit(30, 1, "test");
  PublishAll();
  EXPECT_THAT(Positions("test"), ElementsAre("0/A:0c", "0/A:1c"));
  RaiseLimit();
  PublishAll();
  EXPECT_THAT(Positions("test"), ElementsAre("0/A:0c", "0/A:1c", "0/14:0c", "0/19:0t", "0/19:0t",
                                             "0/19:0t", "0/1E:0c"));
}

}  // namespace
}  // namespace bw
