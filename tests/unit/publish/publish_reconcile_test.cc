#include "publish/publish_reconcile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bw {
namespace {

using ::testing::HasSubstr;

Position At(uint64_t lsn) { return Position::EndOf(Lsn{lsn}); }
Progress Through(uint64_t lsn) { return {At(lsn), Lsn{lsn + 1}}; }

// A spool that has published up to 50 of 100, in a Kafka that says the same.
struct Situation {
  SpoolState spool;
  Checkpoint checkpoint;
  bool has_checkpoint = true;
  std::string cluster_id = "K1";
  bool republish = false;

  Situation() {
    spool.lineage = "L1";
    spool.source = {"S1", "shop", "bottledwater", 1};
    spool.phase = SpoolPhase::kStreaming;
    spool.captured = Through(100);
    spool.published = Through(50);
    spool.trimmed = At(40);
    spool.kafka_cluster_id = "K1";
    checkpoint.lineage = "L1";
    checkpoint.source = spool.source;
    checkpoint.progress = Through(50);
    checkpoint.next_offsets = {{{"test", 0}, 9}};
  }

  std::variant<ResumeFrom, PublishHalt> Reconcile() const {
    return ReconcileCheckpoint(
        spool, has_checkpoint ? CheckpointState::Present(checkpoint) : CheckpointState::Absent(),
        cluster_id, "bottledwater.shop.bottledwater.checkpoint", republish);
  }
  ResumeFrom Resume() const {
    const auto plan = Reconcile();
    if (const auto* halt = std::get_if<PublishHalt>(&plan)) {
      ADD_FAILURE() << "halts: " << halt->text;
      return {};
    }
    return std::get<ResumeFrom>(plan);
  }
  std::string HaltText() const {
    const auto plan = Reconcile();
    if (std::holds_alternative<ResumeFrom>(plan)) {
      ADD_FAILURE() << "goes on";
      return "";
    }
    return std::get<PublishHalt>(plan).text;
  }
};

TEST(PublishReconcile, GoesOnFromTheCheckpoint) {
  Situation s;
  EXPECT_EQ(s.Resume(), (ResumeFrom{Through(50), s.checkpoint.next_offsets, ""}));
}

TEST(PublishReconcile, CheckpointWinsOverAnOlderHint) {
  Situation s;
  s.checkpoint.progress = Through(60);
  EXPECT_EQ(s.Resume().progress, Through(60));
  s.checkpoint.progress = Through(100);
  EXPECT_EQ(s.Resume().progress, Through(100));
}

TEST(PublishReconcile, FirstSessionPublishesEverything) {
  Situation s;
  s.has_checkpoint = false;
  s.spool.kafka_cluster_id.clear();
  s.spool.published = {};
  s.spool.trimmed = Position::Zero();
  EXPECT_EQ(s.Resume(), ResumeFrom{});
}

// The first session died between its first commit and the note of the cluster's id.
TEST(PublishReconcile, CheckpointOfOurFirstSessionIsOurs) {
  Situation s;
  s.spool.kafka_cluster_id.clear();
  s.spool.published = {};
  s.spool.trimmed = Position::Zero();
  EXPECT_EQ(s.Resume().progress, Through(50));
}

TEST(PublishReconcile, SpoolThatWasLostGoesOnFromItsPredecessorsCheckpoint) {
  Situation s;
  s.spool.lineage = "L2";
  s.spool.predecessor = "L1";
  s.spool.kafka_cluster_id.clear();
  s.spool.captured = Through(50);
  s.spool.published = {};
  s.spool.trimmed = Position::Zero();
  EXPECT_EQ(s.Resume().progress, Through(50));
  // Once it has published itself, its predecessor's checkpoint cannot be the newest any more.
  s.spool.kafka_cluster_id = "K1";
  EXPECT_THAT(s.HaltText(), HasSubstr("another spool"));
}

TEST(PublishReconcile, HaltsWhenTheCheckpointIsGone) {
  Situation s;
  s.has_checkpoint = false;
  EXPECT_THAT(s.HaltText(), HasSubstr("checkpoint is gone"));
  EXPECT_THAT(s.HaltText(), HasSubstr("--republish"));
  EXPECT_THAT(s.HaltText(), HasSubstr("resnapshot"));
  s.spool.kafka_cluster_id.clear();
  s.spool.predecessor = "L0";
  EXPECT_THAT(s.HaltText(), HasSubstr("checkpoint is gone"));
}

TEST(PublishReconcile, HaltsAtAnotherCluster) {
  Situation s;
  s.cluster_id = "K2";
  EXPECT_THAT(s.HaltText(), HasSubstr("Another Kafka cluster"));
  s.has_checkpoint = false;
  EXPECT_THAT(s.HaltText(), HasSubstr("Another Kafka cluster"));
}

TEST(PublishReconcile, HaltsAtAnotherSource) {
  for (const Source& source :
       {Source{"S2", "shop", "bottledwater", 1}, Source{"S1", "other", "bottledwater", 1},
        Source{"S1", "shop", "other", 1}}) {
    Situation s;
    s.checkpoint.source = source;
    EXPECT_THAT(s.HaltText(), HasSubstr("another source"));
    s.republish = true;
    EXPECT_THAT(s.HaltText(), HasSubstr("another source"));
  }
  Situation s;
  s.checkpoint.source.timeline = 2;  // A harmless failover: capture has judged it.
  EXPECT_EQ(s.Resume().progress, Through(50));
}

TEST(PublishReconcile, HaltsAtAnotherLineage) {
  Situation s;
  s.checkpoint.lineage = "L9";
  EXPECT_THAT(s.HaltText(), HasSubstr("another spool"));
  // A first start that did not see an old checkpoint, because Kafka was away then.
  s.spool.kafka_cluster_id.clear();
  s.spool.published = {};
  s.spool.trimmed = Position::Zero();
  EXPECT_THAT(s.HaltText(), HasSubstr("another spool"));
}

TEST(PublishReconcile, HaltsWhenKafkaIsAheadOfTheSpool) {
  Situation s;
  s.checkpoint.progress = Through(101);
  EXPECT_THAT(s.HaltText(), HasSubstr("ahead of the spool"));
  s.republish = true;
  EXPECT_THAT(s.HaltText(), HasSubstr("ahead of the spool"));
}

TEST(PublishReconcile, HaltsWhenKafkaIsBehindTheHint) {
  Situation s;
  s.checkpoint.progress = Through(49);
  EXPECT_THAT(s.HaltText(), HasSubstr("has lost"));
}

TEST(PublishReconcile, HaltsWhenKafkaIsBehindWhatWasTrimmed) {
  Situation s;
  s.spool.published = {};  // The hint is not synced and may be lost.
  s.checkpoint.progress = Through(39);
  EXPECT_THAT(s.HaltText(), HasSubstr("has lost"));
}

TEST(PublishReconcile, RepublishesExactlyWhatIsMissingWhenTheSpoolHoldsIt) {
  Situation s;
  s.republish = true;
  s.checkpoint.progress = Through(45);
  EXPECT_EQ(s.Resume().progress, Through(45));
  EXPECT_EQ(s.Resume().next_offsets, s.checkpoint.next_offsets);
  EXPECT_THAT(s.Resume().remedy, HasSubstr("republish"));
}

TEST(PublishReconcile, RepublishesAllThatTheSpoolHolds) {
  const auto expect = [](const Situation& s) {
    EXPECT_EQ(s.Resume().progress.position, At(40));
    EXPECT_TRUE(s.Resume().next_offsets.empty());
    EXPECT_THAT(s.Resume().remedy, HasSubstr("republish"));
  };
  Situation behind;
  behind.republish = true;
  behind.checkpoint.progress = Through(30);
  expect(behind);
  Situation gone;
  gone.republish = true;
  gone.has_checkpoint = false;
  expect(gone);
  Situation replaced;
  replaced.republish = true;
  replaced.cluster_id = "K2";
  expect(replaced);
  Situation lineage;
  lineage.republish = true;
  lineage.checkpoint.lineage = "L9";
  expect(lineage);
}

TEST(PublishReconcile, RepublishDoesNothingWhenNothingIsWrong) {
  Situation s;
  s.republish = true;
  EXPECT_EQ(s.Resume(), (ResumeFrom{Through(50), s.checkpoint.next_offsets, ""}));
}

}  // namespace
}  // namespace bw
