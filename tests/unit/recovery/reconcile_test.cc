#include "recovery/reconcile.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "recovery/reconcile_publish.h"

namespace bw {
namespace {

using Kind = Plan::Kind;

constexpr Lsn kC{0x1000};  // Where the slot stands in most tests.

Progress At(uint64_t commit_lsn, uint64_t end_lsn) {
  return {Position::EndOf(Lsn{commit_lsn}), Lsn{end_lsn}};
}

using Lineages = std::optional<std::vector<std::string>>;

// One test for each row of the table: facts as they are in that row, built from these parts.
class ReconcileTest : public testing::Test {
 protected:
  ReconcileTest() {
    facts_.server = {"7000", 1, Lsn{0x9000}, "shop", 150004, false, {}};
    facts_.slot_name = "bottledwater";
    facts_.places = {"/var/lib/bw", "bottledwater.shop.bottledwater.checkpoint"};
    facts_.checkpoint.kind = CheckpointState::Kind::kAbsent;
    facts_.checkpoint.cluster_id = "cluster-a";
  }

  void HaveSlot(Lsn confirmed_flush) {
    facts_.slot.emplace();
    facts_.slot->name = "bottledwater";
    facts_.slot->confirmed_flush = confirmed_flush;
    facts_.slot->wal_status = "reserved";
    facts_.slot->plugin = "pgoutput";
    facts_.slot->database = "shop";
  }
  SpoolState& HaveSpool(const Progress& captured) {
    SpoolState spool;
    spool.lineage = "lineage-1";
    spool.source = {"7000", "shop", "bottledwater", 1};
    spool.phase = SpoolPhase::kStreaming;
    spool.captured = captured;
    return facts_.spool.emplace(spool);
  }
  CheckpointState& HaveCheckpoint(const Progress& progress,
                                  const std::string& lineage = "lineage-1") {
    CheckpointState& checkpoint = facts_.checkpoint;
    checkpoint.kind = CheckpointState::Kind::kPresent;
    checkpoint.lineage = lineage;
    checkpoint.source = {"7000", "shop", "bottledwater", 1};
    checkpoint.progress = progress;
    return checkpoint;
  }
  void KafkaAway() { facts_.checkpoint = {}; }

  Plan ExpectPlan(Kind kind) {
    const auto outcome = Reconcile(facts_, overrides_);
    if (const auto* halt = std::get_if<Halt>(&outcome)) {
      ADD_FAILURE() << halt->Message();
      return {};
    }
    const Plan& plan = std::get<Plan>(outcome);
    EXPECT_EQ(static_cast<int>(plan.kind), static_cast<int>(kind));
    return plan;
  }

  Halt ExpectHalt(const std::string& code, ExitCode exit_code) {
    const auto outcome = Reconcile(facts_, overrides_);
    if (!std::holds_alternative<Halt>(outcome)) {
      ADD_FAILURE() << "no halt";
      return {};
    }
    const Halt& halt = std::get<Halt>(outcome);
    EXPECT_EQ(halt.code, code) << halt.Message();
    EXPECT_EQ(halt.exit_code, exit_code) << halt.Message();
    EXPECT_FALSE(halt.found.empty());
    EXPECT_FALSE(halt.meaning.empty());
    EXPECT_FALSE(halt.remedies.empty());
    EXPECT_TRUE(halt.Message().starts_with("[" + code + "] "));
    EXPECT_EQ(halt.ToError().kind(), ErrorKind::kHalt);
    return halt;
  }

  // The halt names this remedy, and with it the same facts lead to a plan.
  Plan ExpectRemedy(const Halt& halt, const std::string& command, Kind kind) {
    EXPECT_NE(halt.Message().find(command), std::string::npos) << halt.Message();
    if (command == "bottledwater resnapshot") overrides_.resnapshot = true;
    if (command == "--adopt-slot") overrides_.adopt_slot = true;
    if (command == "--republish") overrides_.republish = true;
    if (command.starts_with("--accept-gap="))
      overrides_.accept_gap = Lsn::Parse(command.substr(13));
    const Plan plan = ExpectPlan(kind);
    EXPECT_FALSE(plan.notes.empty() && command != "--republish");
    overrides_ = {};
    return plan;
  }

  StartFacts facts_;
  Overrides overrides_;
};

// --- First start ------------------------------------------------------------------------------

TEST_F(ReconcileTest, FirstStartWhenThereIsNothing) {
  EXPECT_FALSE(ExpectPlan(Kind::kFirstStart).drop_slot);
}

TEST_F(ReconcileTest, FirstStartWhileKafkaIsAway) {
  KafkaAway();
  EXPECT_FALSE(ExpectPlan(Kind::kFirstStart).drop_slot);
}

TEST_F(ReconcileTest, AnEmptySpoolIsNone) {
  HaveSpool({}).phase = SpoolPhase::kEmpty;
  ExpectPlan(Kind::kFirstStart);
}

TEST_F(ReconcileTest, CrashInsideFirstStartDropsItsSlotAndStartsAgain) {
  HaveSpool({}).phase = SpoolPhase::kFirstStart;
  EXPECT_FALSE(ExpectPlan(Kind::kFirstStart).drop_slot);
  HaveSlot(kC);
  EXPECT_TRUE(ExpectPlan(Kind::kFirstStart).drop_slot);
  KafkaAway();
  EXPECT_TRUE(ExpectPlan(Kind::kFirstStart).drop_slot);
}

TEST_F(ReconcileTest, CrashInsideFirstStartDoesNotDropSomebodyElsesSlot) {
  HaveSpool({}).phase = SpoolPhase::kFirstStart;
  HaveSlot(kC);
  facts_.slot->plugin = "wal2json";
  ExpectHalt("slot-foreign", ExitCode::kHaltForeignSlot);
}

TEST_F(ReconcileTest, CrashInsideFirstStartHaltsWhenKafkaShowsThatItWasNotTheFirst) {
  HaveSpool({}).phase = SpoolPhase::kFirstStart;
  HaveSlot(kC);
  HaveCheckpoint(At(0x800, 0x900), "lineage-0");
  const Halt halt = ExpectHalt("checkpoint-foreign", ExitCode::kHaltKafka);
  EXPECT_TRUE(ExpectRemedy(halt, "bottledwater resnapshot", Kind::kFirstStart).drop_slot);
}

// --- Normal -----------------------------------------------------------------------------------

TEST_F(ReconcileTest, NormalResumes) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000)).published = At(0x1FF0, 0x2000);
  HaveCheckpoint(At(0x1FF0, 0x2000));
  const Plan plan = ExpectPlan(Kind::kResume);
  EXPECT_EQ(plan.advance_idle_to, std::nullopt);
  EXPECT_EQ(plan.new_timeline, std::nullopt);
  EXPECT_TRUE(plan.notes.empty());
}

TEST_F(ReconcileTest, NormalResumesWhileKafkaIsAway) {
  HaveSlot(kC);
  HaveSpool(At(0xFF0, kC.value)).published = At(0x800, 0x900);
  KafkaAway();
  ExpectPlan(Kind::kResume);
}

TEST_F(ReconcileTest, OverridesDoNothingInANormalStart) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000)).published = At(0x1FF0, 0x2000);
  HaveCheckpoint(At(0x1FF0, 0x2000));
  overrides_ = {.accept_gap = kC, .adopt_slot = true, .republish = true};
  const Plan plan = ExpectPlan(Kind::kResume);
  EXPECT_TRUE(plan.overrides_used.empty());
  EXPECT_EQ(plan.advance_idle_to, std::nullopt);
}

TEST_F(ReconcileTest, SpoolThatNeverPublishedNeedsNoCheckpoint) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000));
  ExpectPlan(Kind::kResume);
}

// --- Spool lost -------------------------------------------------------------------------------

TEST_F(ReconcileTest, SpoolLostAndNothingElseGoesOnFromTheCheckpoint) {
  HaveSlot(kC);
  HaveCheckpoint(At(0x1FF0, 0x2000), "lineage-0");
  const Plan plan = ExpectPlan(Kind::kBeginAt);
  EXPECT_EQ(plan.captured, At(0x1FF0, 0x2000));
  EXPECT_EQ(plan.predecessor, "lineage-0");
  // Exactly at the checkpoint, too.
  HaveSlot(Lsn{0x2000});
  ExpectPlan(Kind::kBeginAt);
}

TEST_F(ReconcileTest, SpoolLostWithinATransactionReceivesThatTransactionAgain) {
  HaveSlot(kC);
  HaveCheckpoint({{Lsn{0x2000}, 17}, Lsn{0x1800}});
  const Plan plan = ExpectPlan(Kind::kBeginAt);
  EXPECT_EQ(plan.captured.position, Position::EndOf(Lsn{0x1FFF}));
  EXPECT_EQ(plan.captured.end_lsn, Lsn{0x1800});
}

TEST_F(ReconcileTest, SpoolLostWithinItsSnapshotHalts) {
  HaveSlot(kC);
  HaveCheckpoint({{Lsn{kC.value - 1}, 12345}, Lsn::Invalid()});
  ExpectHalt("gap", ExitCode::kHaltGap);
}

TEST_F(ReconcileTest, SpoolLostWaitsForKafka) {
  HaveSlot(kC);
  KafkaAway();
  EXPECT_FALSE(ExpectPlan(Kind::kWaitForCheckpoint).notes.empty());
}

TEST_F(ReconcileTest, SpoolLostAndDataGoneHalts) {
  HaveSlot(kC);
  HaveCheckpoint(At(0xE00, 0xF00), "lineage-0");
  const Halt halt = ExpectHalt("gap", ExitCode::kHaltGap);
  EXPECT_NE(halt.found.find("0/1000"), std::string::npos);
  EXPECT_NE(halt.found.find("0/F00"), std::string::npos);
  EXPECT_TRUE(ExpectRemedy(halt, "bottledwater resnapshot", Kind::kFirstStart).drop_slot);
  const Plan plan = ExpectRemedy(halt, "--accept-gap=0/1000", Kind::kBeginAt);
  EXPECT_EQ(plan.captured, CapturedUpTo(kC));
  EXPECT_EQ(plan.predecessor, "lineage-0");
  EXPECT_EQ(plan.overrides_used, (std::vector<std::string>{"accept-gap=0/1000"}));
}

TEST_F(ReconcileTest, AcceptingOneGapDoesNotAcceptAnother) {
  HaveSlot(kC);
  HaveCheckpoint(At(0xE00, 0xF00));
  overrides_.accept_gap = Lsn{0xFFF};
  ExpectHalt("gap", ExitCode::kHaltGap);
  overrides_.accept_gap = Lsn{0x1001};
  ExpectHalt("gap", ExitCode::kHaltGap);
}

// --- Spool old --------------------------------------------------------------------------------

TEST_F(ReconcileTest, OlderCopyOfTheSpoolJumpsToTheCheckpoint) {
  HaveSlot(kC);
  HaveSpool(At(0xD00, 0xE00)).published = At(0xC00, 0xD00);
  HaveCheckpoint(At(0x1FF0, 0x2000));
  const Plan plan = ExpectPlan(Kind::kBeginAt);
  EXPECT_EQ(plan.captured, At(0x1FF0, 0x2000));
  EXPECT_EQ(plan.predecessor, "lineage-1");
}

TEST_F(ReconcileTest, OlderCopyWithASlotBehindItJumpsToo) {
  HaveSlot(Lsn{0xE00});
  HaveSpool(At(0xD00, 0xE00));
  HaveCheckpoint(At(0x1FF0, 0x2000));
  ExpectPlan(Kind::kBeginAt);
}

TEST_F(ReconcileTest, OlderCopyThatKafkaCannotExplainYetWaits) {
  HaveSlot(kC);
  HaveSpool(At(0xD00, 0xE00));
  KafkaAway();
  ExpectPlan(Kind::kWaitForCheckpoint);
}

TEST_F(ReconcileTest, SpoolOldAndDataGoneHalts) {
  HaveSlot(kC);
  HaveSpool(At(0xD00, 0xE00)).published = At(0xC00, 0xD00);
  HaveCheckpoint(At(0xE80, 0xF00));
  const Halt halt = ExpectHalt("gap", ExitCode::kHaltGap);
  EXPECT_NE(halt.found.find("0/F00"), std::string::npos);
  const Plan plan = ExpectRemedy(halt, "--accept-gap=0/1000", Kind::kBeginAt);
  EXPECT_EQ(plan.captured, CapturedUpTo(kC));
}

// What the spool still has must be published, gap or not.
TEST_F(ReconcileTest, AcceptedGapKeepsTheSpoolsUnpublishedChanges) {
  HaveSlot(kC);
  HaveSpool(At(0xD00, 0xE00)).published = At(0x800, 0x900);
  HaveCheckpoint(At(0x800, 0x900));
  const Halt halt = ExpectHalt("gap", ExitCode::kHaltGap);
  EXPECT_NE(halt.found.find("0/E00"), std::string::npos);
  const Plan plan = ExpectRemedy(halt, "--accept-gap=0/1000", Kind::kResume);
  EXPECT_EQ(plan.advance_idle_to, kC);
}

// --- Slot -------------------------------------------------------------------------------------

TEST_F(ReconcileTest, SlotMissingBesideASpoolHalts) {
  HaveSpool(At(0xD00, 0xE00));
  const Halt halt = ExpectHalt("slot-missing", ExitCode::kHaltSlot);
  EXPECT_FALSE(ExpectRemedy(halt, "bottledwater resnapshot", Kind::kFirstStart).drop_slot);
  KafkaAway();
  ExpectHalt("slot-missing", ExitCode::kHaltSlot);
}

TEST_F(ReconcileTest, SlotMissingBesideACheckpointHalts) {
  HaveCheckpoint(At(0xE80, 0xF00));
  const Halt halt = ExpectHalt("slot-missing", ExitCode::kHaltSlot);
  ExpectRemedy(halt, "bottledwater resnapshot", Kind::kFirstStart);
}

TEST_F(ReconcileTest, SlotInvalidatedHalts) {
  HaveSlot(kC);
  facts_.slot->invalidation_reason = "idle_timeout";
  HaveSpool(At(0x1FF0, 0x2000));
  ExpectHalt("slot-invalidated", ExitCode::kHaltSlot);
  facts_.slot->wal_status = "lost";
  facts_.slot->invalidation_reason = "wal_removed";
  const Halt halt = ExpectHalt("slot-invalidated", ExitCode::kHaltSlot);
  EXPECT_NE(halt.found.find("wal_removed"), std::string::npos);
  EXPECT_TRUE(ExpectRemedy(halt, "bottledwater resnapshot", Kind::kFirstStart).drop_slot);
  facts_.spool.reset();
  HaveCheckpoint(At(0x1FF0, 0x2000));
  ExpectHalt("slot-invalidated", ExitCode::kHaltSlot);
}

TEST_F(ReconcileTest, SomebodysSlotHaltsUnlessItIsAdopted) {
  HaveSlot(kC);
  const Halt halt = ExpectHalt("slot-foreign", ExitCode::kHaltForeignSlot);
  const Plan plan = ExpectRemedy(halt, "--adopt-slot", Kind::kBeginAt);
  EXPECT_EQ(plan.captured, CapturedUpTo(kC));
  EXPECT_EQ(plan.predecessor, "");
  // Nobody but its owner may drop it.
  overrides_.resnapshot = true;
  ExpectHalt("slot-foreign", ExitCode::kHaltForeignSlot);
}

TEST_F(ReconcileTest, SomebodysSlotThatIsDroppedLeadsToAResnapshot) {
  HaveSlot(kC);
  const Halt halt = ExpectHalt("slot-foreign", ExitCode::kHaltForeignSlot);
  EXPECT_NE(halt.Message().find("pg_drop_replication_slot('bottledwater')"), std::string::npos);
  facts_.slot.reset();
  const Plan plan = ExpectRemedy(halt, "bottledwater resnapshot", Kind::kFirstStart);
  EXPECT_TRUE(plan.supersedes) << "What only the topics still have gets its tombstone.";
}

TEST_F(ReconcileTest, SomebodysLostSlotCannotBeAdopted) {
  HaveSlot(kC);
  facts_.slot->wal_status = "lost";
  overrides_.adopt_slot = true;
  ExpectHalt("slot-foreign", ExitCode::kHaltForeignSlot);
  HaveSlot(Lsn::Invalid());  // Still being created by somebody.
  ExpectHalt("slot-foreign", ExitCode::kHaltForeignSlot);
}

TEST_F(ReconcileTest, SlotOfAnotherPluginOrDatabaseHalts) {
  HaveSpool(At(0x1FF0, 0x2000));
  HaveSlot(kC);
  facts_.slot->plugin = "test_decoding";
  const Halt halt = ExpectHalt("slot-foreign", ExitCode::kHaltForeignSlot);
  EXPECT_NE(halt.Message().find("pg_drop_replication_slot('bottledwater')"), std::string::npos);
  HaveSlot(kC);
  facts_.slot->database = "other";
  ExpectHalt("slot-foreign", ExitCode::kHaltForeignSlot);
}

TEST_F(ReconcileTest, ActiveSlotIsAnotherRelay) {
  HaveSpool(At(0x1FF0, 0x2000));
  HaveSlot(kC);
  facts_.slot->active_pid = 4711;
  const Halt halt = ExpectHalt("slot-active", ExitCode::kAnotherRelay);
  EXPECT_NE(halt.found.find("4711"), std::string::npos);
  overrides_ = {.accept_gap = kC, .adopt_slot = true, .resnapshot = true, .republish = true};
  ExpectHalt("slot-active", ExitCode::kAnotherRelay);
}

// --- Kafka ------------------------------------------------------------------------------------

TEST_F(ReconcileTest, CheckpointGoneHalts) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000)).published = At(0x1800, 0x1900);
  const Halt halt = ExpectHalt("checkpoint-missing", ExitCode::kHaltKafka);
  ExpectRemedy(halt, "--republish", Kind::kResume);
  ExpectRemedy(halt, "bottledwater resnapshot", Kind::kFirstStart);
}

TEST_F(ReconcileTest, CheckpointOfThePredecessorGoneHalts) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000)).predecessor = "lineage-0";
  ExpectHalt("checkpoint-missing", ExitCode::kHaltKafka);
}

TEST_F(ReconcileTest, CheckpointBehindTheHintHalts) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000)).published = At(0x1800, 0x1900);
  HaveCheckpoint(At(0x1700, 0x1800));
  const Halt halt = ExpectHalt("checkpoint-behind", ExitCode::kHaltKafka);
  ExpectRemedy(halt, "--republish", Kind::kResume);
}

TEST_F(ReconcileTest, CheckpointBehindWhatWasTrimmedHalts) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000)).trimmed = Position::EndOf(Lsn{0x1800});
  HaveCheckpoint(At(0x1700, 0x1800));
  ExpectHalt("checkpoint-behind", ExitCode::kHaltKafka);
}

TEST_F(ReconcileTest, AnotherKafkaClusterHalts) {
  HaveSlot(kC);
  SpoolState& spool = HaveSpool(At(0x1FF0, 0x2000));
  spool.published = At(0x1800, 0x1900);
  spool.kafka_cluster_id = "cluster-b";
  const Halt halt = ExpectHalt("other-kafka-cluster", ExitCode::kHaltKafka);
  ExpectRemedy(halt, "--republish", Kind::kResume);
  // Brokers that do not say who they are cannot be told apart.
  HaveCheckpoint(At(0x1800, 0x1900)).cluster_id = "";
  ExpectPlan(Kind::kResume);
}

TEST_F(ReconcileTest, CheckpointOfAnotherLineageIsAnotherRelays) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000)).published = At(0x1800, 0x1900);
  HaveCheckpoint(At(0x1900, 0x1A00), "lineage-9");
  const Halt halt = ExpectHalt("checkpoint-foreign", ExitCode::kAnotherRelay);
  EXPECT_NE(halt.Message().find("mv '/var/lib/bw' '/var/lib/bw.old'"), std::string::npos);
  // As the message says: without the leftover spool the start goes on from the checkpoint.
  facts_.spool.reset();
  ExpectPlan(Kind::kBeginAt);
}

TEST_F(ReconcileTest, CheckpointOfAnEarlierLifeHaltsAFreshSpool) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000));
  HaveCheckpoint(At(0x800, 0x900), "lineage-0");
  const Halt halt = ExpectHalt("checkpoint-foreign", ExitCode::kHaltKafka);
  EXPECT_EQ(ExpectRemedy(halt, "bottledwater resnapshot", Kind::kFirstStart).supersedes,
            (Lineages{{"lineage-0", "lineage-1"}}));
}

TEST_F(ReconcileTest, CheckpointOfThePredecessorIsOursUntilWeHavePublished) {
  HaveSlot(kC);
  SpoolState& spool = HaveSpool(At(0x1FF0, 0x2000));
  spool.lineage = "lineage-2";
  spool.predecessor = "lineage-1";
  HaveCheckpoint(At(0x1800, 0x1900), "lineage-1");
  ExpectPlan(Kind::kResume);
  facts_.spool->published = At(0x1800, 0x1900);
  ExpectPlan(Kind::kResume);
  // The old relay has gone on publishing.
  facts_.spool->published = At(0x1700, 0x1800);
  ExpectHalt("checkpoint-foreign", ExitCode::kAnotherRelay);
}

// --- The database -----------------------------------------------------------------------------

TEST_F(ReconcileTest, AnotherDatabaseHalts) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000)).source.system_identifier = "7001";
  ExpectHalt("other-database", ExitCode::kHaltOtherDatabase);
  facts_.spool->source = {"7000", "other", "bottledwater", 1};
  ExpectHalt("other-database", ExitCode::kHaltOtherDatabase);
  // A spool full of another database's changes is never wiped by a flag.
  overrides_.resnapshot = true;
  ExpectHalt("other-database", ExitCode::kHaltOtherDatabase);
}

TEST_F(ReconcileTest, IntentOfAnotherDatabaseHalts) {
  HaveSlot(kC);
  HaveSpool({}).phase = SpoolPhase::kFirstStart;
  facts_.spool->source.system_identifier = "7001";
  ExpectHalt("other-database", ExitCode::kHaltOtherDatabase);
}

TEST_F(ReconcileTest, SpoolOfAnotherSlotIsNotOurs) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000)).source.slot = "other";
  const Halt halt = ExpectHalt("other-slot", ExitCode::kSpoolUnusable);
  EXPECT_NE(halt.Message().find("--slot=other"), std::string::npos);
}

TEST_F(ReconcileTest, CheckpointOfAnotherDatabaseHalts) {
  HaveCheckpoint(At(0x1800, 0x1900)).source.system_identifier = "7001";
  const Halt halt = ExpectHalt("checkpoint-other-database", ExitCode::kHaltOtherDatabase);
  ExpectRemedy(halt, "bottledwater resnapshot", Kind::kFirstStart);
  HaveSlot(kC);
  ExpectHalt("checkpoint-other-database", ExitCode::kHaltOtherDatabase);
  HaveSpool(At(0x1FF0, 0x2000)).published = At(0x1800, 0x1900);
  ExpectHalt("checkpoint-other-database", ExitCode::kHaltOtherDatabase);
}

TEST_F(ReconcileTest, WalThatEndsBeforeTheSpoolIsADatabaseThatWentBack) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000));
  facts_.server.wal_end = Lsn{0x1FFF};
  const Halt halt = ExpectHalt("database-went-back", ExitCode::kHaltDatabaseWentBack);
  ExpectRemedy(halt, "bottledwater resnapshot", Kind::kFirstStart);
  facts_.server.wal_end = Lsn{0x2000};
  ExpectPlan(Kind::kResume);
  // What Kafka has counts too, with and without a spool.
  HaveCheckpoint(At(0x2FF0, 0x3000));
  ExpectHalt("database-went-back", ExitCode::kHaltDatabaseWentBack);
  facts_.spool.reset();
  ExpectHalt("database-went-back", ExitCode::kHaltDatabaseWentBack);
}

TEST_F(ReconcileTest, FailoverThatLostNothingGoesOnAndNotesTheTimeline) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000));
  facts_.server.timeline = 2;
  facts_.server.history = {{1, Lsn{0x2000}}};
  EXPECT_EQ(ExpectPlan(Kind::kResume).new_timeline, 2u);
}

TEST_F(ReconcileTest, FailoverToAnOlderStateHalts) {
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000));
  facts_.server.timeline = 2;
  facts_.server.history = {{1, Lsn{0x1FFF}}};
  ExpectHalt("database-went-back", ExitCode::kHaltDatabaseWentBack);
  facts_.server.history.clear();  // A history without our timeline.
  ExpectHalt("database-went-back", ExitCode::kHaltDatabaseWentBack);
  facts_.spool->source.timeline = 3;  // The old primary came back.
  ExpectHalt("database-went-back", ExitCode::kHaltDatabaseWentBack);
  facts_.spool.reset();
  HaveCheckpoint(At(0x1FF0, 0x2000));
  facts_.server.history = {{1, Lsn{0x1FFF}}};
  ExpectHalt("database-went-back", ExitCode::kHaltDatabaseWentBack);
}

// --- Re-snapshot --------------------------------------------------------------------------------

TEST_F(ReconcileTest, ResnapshotBeginsAnewWhereTheRelayWouldGoOn) {
  overrides_.resnapshot = true;
  HaveSlot(kC);
  HaveSpool(At(0x1FF0, 0x2000)).published = At(0x1FF0, 0x2000);
  facts_.spool->predecessor = "lineage-0";
  HaveCheckpoint(At(0x1FF0, 0x2000));
  Plan plan = ExpectPlan(Kind::kFirstStart);
  EXPECT_TRUE(plan.drop_slot);
  EXPECT_EQ(plan.supersedes, (Lineages{{"lineage-0", "lineage-1"}}));
  EXPECT_EQ(plan.overrides_used, (std::vector<std::string>{"resnapshot"}));
  // The spool knows what it has published.
  KafkaAway();
  EXPECT_EQ(ExpectPlan(Kind::kFirstStart).supersedes, (Lineages{{"lineage-0", "lineage-1"}}));
  // So does Kafka.
  facts_.spool.reset();
  HaveCheckpoint(At(0x1FF0, 0x2000), "lineage-7");
  EXPECT_EQ(ExpectPlan(Kind::kFirstStart).supersedes, (Lineages{{"lineage-7"}}));
}

TEST_F(ReconcileTest, ResnapshotWithoutASpoolWaitsForKafka) {
  overrides_.resnapshot = true;
  KafkaAway();
  EXPECT_FALSE(ExpectPlan(Kind::kWaitForCheckpoint).notes.empty());
  HaveSlot(kC);
  ExpectPlan(Kind::kWaitForCheckpoint);
}

TEST_F(ReconcileTest, ResnapshotWhereNothingIsLeftStillPurgesTheTopics) {
  overrides_.resnapshot = true;
  const Plan plan = ExpectPlan(Kind::kFirstStart);
  EXPECT_FALSE(plan.drop_slot);
  EXPECT_EQ(plan.supersedes, Lineages{std::vector<std::string>{}});
}

TEST_F(ReconcileTest, ResnapshotTakesNothingThatIsSomebodyElses) {
  overrides_.resnapshot = true;
  HaveSlot(kC);
  ExpectHalt("slot-foreign", ExitCode::kHaltForeignSlot);
  HaveSpool(At(0x1FF0, 0x2000)).source.database = "other";
  ExpectHalt("other-database", ExitCode::kHaltOtherDatabase);
  facts_.spool->source = {"7000", "shop", "other", 1};
  ExpectHalt("other-slot", ExitCode::kSpoolUnusable);
  facts_.slot->active_pid = 4711;
  ExpectHalt("slot-active", ExitCode::kAnotherRelay);
}

// No permission is needed twice: the spool remembers it.
TEST_F(ReconcileTest, CrashInsideAResnapshotStartsItAgain) {
  HaveSpool({}).phase = SpoolPhase::kFirstStart;
  facts_.spool->lineage = "lineage-2";
  facts_.spool->supersedes = {"lineage-1"};
  HaveSlot(kC);
  HaveCheckpoint(At(0x1FF0, 0x2000));
  EXPECT_EQ(ExpectPlan(Kind::kFirstStart).supersedes, (Lineages{{"lineage-1", "lineage-2"}}));
  KafkaAway();
  EXPECT_EQ(ExpectPlan(Kind::kFirstStart).supersedes, (Lineages{{"lineage-1", "lineage-2"}}));
  HaveCheckpoint(At(0x1FF0, 0x2000), "lineage-9");
  ExpectHalt("checkpoint-foreign", ExitCode::kHaltKafka);
}

TEST_F(ReconcileTest, AfterAResnapshotTheOldCheckpointIsSuperseded) {
  HaveSpool(At(0x1FF0, 0x2000)).supersedes = {"lineage-0"};
  HaveSlot(kC);
  HaveCheckpoint(At(0x3000, 0x3001), "lineage-0");
  ExpectPlan(Kind::kResume);
  // Not for ever: this is another relay's now.
  facts_.spool->published = At(0x1FF0, 0x2000);
  ExpectHalt("checkpoint-foreign", ExitCode::kAnotherRelay);
  facts_.spool->published = {};
  HaveCheckpoint(At(0x3000, 0x3001), "lineage-9");
  ExpectHalt("checkpoint-foreign", ExitCode::kHaltKafka);
}

// --- Messages ---------------------------------------------------------------------------------

TEST_F(ReconcileTest, MessagesAreOnePrintableLineWhateverOutsideSays) {
  facts_.places.spool_directory = "/tmp/it's\n\x1B[31mred";
  facts_.server.database = "shop\n2026 forged";
  HaveCheckpoint(At(1, 2), "line\nage").source.database = "x\ny";
  HaveSlot(kC);
  facts_.slot->database = facts_.server.database;
  const auto outcome = Reconcile(facts_, overrides_);
  const std::string message = std::get<Halt>(outcome).Message();
  EXPECT_EQ(message.find_first_of("\n\x1B"), std::string::npos) << message;
}

// --- The publish side's part --------------------------------------------------------------------

class ReconcilePublishTest : public ReconcileTest {
 protected:
  PublishPlan ExpectPublish() {
    const auto outcome =
        ReconcilePublish(*facts_.spool, facts_.checkpoint, overrides_, facts_.places);
    if (const auto* halt = std::get_if<Halt>(&outcome)) {
      ADD_FAILURE() << halt->Message();
      return {};
    }
    return std::get<PublishPlan>(outcome);
  }
};

TEST_F(ReconcilePublishTest, GoesOnBehindTheCheckpoint) {
  HaveSpool(At(0x1FF0, 0x2000)).published = At(0x1700, 0x1800);
  HaveCheckpoint({{Lsn{0x1800}, 5}, Lsn{0x1800}});
  EXPECT_EQ(ExpectPublish().publish_after, (Position{Lsn{0x1800}, 5}));
}

TEST_F(ReconcilePublishTest, BeginsAtTheBeginningWithoutCheckpoint) {
  HaveSpool(At(0x1FF0, 0x2000));
  EXPECT_EQ(ExpectPublish().publish_after, Position::Zero());
}

TEST_F(ReconcilePublishTest, RepublishesFromTheCheckpointWhenTheSpoolStillHasIt) {
  SpoolState& spool = HaveSpool(At(0x1FF0, 0x2000));
  spool.published = At(0x1800, 0x1900);
  spool.trimmed = Position::EndOf(Lsn{0x1000});
  HaveCheckpoint(At(0x1700, 0x1710));
  overrides_.republish = true;
  const PublishPlan plan = ExpectPublish();
  EXPECT_EQ(plan.publish_after, Position::EndOf(Lsn{0x1700}));
  EXPECT_EQ(plan.overrides_used, (std::vector<std::string>{"republish"}));
}

TEST_F(ReconcilePublishTest, RepublishesTheRetainedWindowAndSaysWhatIsMissing) {
  SpoolState& spool = HaveSpool(At(0x1FF0, 0x2000));
  spool.published = At(0x1800, 0x1900);
  spool.trimmed = Position::EndOf(Lsn{0x1000});
  overrides_.republish = true;
  const PublishPlan plan = ExpectPublish();
  EXPECT_EQ(plan.publish_after, Position::EndOf(Lsn{0x1000}));
  EXPECT_NE(plan.notes.at(0).find("no longer in the spool"), std::string::npos);
}

TEST_F(ReconcilePublishTest, ANewSnapshotSupersedesTheCheckpointsItWasAllowedTo) {
  HaveSpool(At(0x1FF0, 0x2000));
  HaveCheckpoint(At(0x8000, 0x8001), "lineage-0");
  EXPECT_TRUE(std::holds_alternative<Halt>(
      ReconcilePublish(*facts_.spool, facts_.checkpoint, overrides_, facts_.places)));
  facts_.spool->supersedes = {"lineage-0"};
  EXPECT_EQ(ExpectPublish().publish_after, Position::Zero());
  // Once it has published, the permission means nothing any more.
  facts_.spool->published = At(0x1F00, 0x1F10);
  EXPECT_TRUE(std::holds_alternative<Halt>(
      ReconcilePublish(*facts_.spool, facts_.checkpoint, overrides_, facts_.places)));
}

// --- Every state against a model ----------------------------------------------------------------

// A small history of transactions, some of them adjacent, with one to three changes each; and what
// slot, spool and Kafka have of it.
class World {
 public:
  explicit World(uint32_t seed) : random_(seed) {
    uint64_t lsn = 100 + Below(20);
    for (uint64_t i = Below(8); i > 0; --i) {
      Transaction transaction{Lsn{lsn}, Lsn{lsn + 5 + Below(20)}, 1 + Below(3)};
      lsn = transaction.end.value + (Below(2) == 0 ? 0 : Below(30));
      transactions_.push_back(transaction);
    }
    wal_end_ = Lsn{lsn + Below(10)};
  }

  uint64_t Below(uint64_t bound) { return random_() % bound; }

  // The end of some transaction, or before all of them; with idle WAL behind it at times.
  Progress SomeProgress() {
    const size_t count = Below(transactions_.size() + 1);
    Progress progress{Position::EndOf(Lsn{50}), Lsn{60}};
    Lsn next = transactions_.empty() ? wal_end_ : transactions_.front().commit;
    if (count > 0) {
      const Transaction& last = transactions_[count - 1];
      progress = {Position::EndOf(last.commit), last.end};
      next = count < transactions_.size() ? transactions_[count].commit : wal_end_;
    }
    if (Below(2) == 0) progress.end_lsn = std::max(progress.end_lsn, next);
    return progress;
  }

  // Like SomeProgress, or within a transaction that was published in parts.
  Progress SomePublished() {
    Progress progress = SomeProgress();
    for (const Transaction& transaction : transactions_) {
      if (transaction.commit > progress.position.commit_lsn && transaction.changes > 1 &&
          Below(3) == 0) {
        return {{transaction.commit, Below(transaction.changes)}, progress.end_lsn};
      }
      if (transaction.commit > progress.position.commit_lsn) break;
    }
    return progress;
  }

  // What a reader of Kafka has seen in the end, if the plan is carried out: Kafka's own changes up
  // to `published`, then whatever the spool gets and the publisher sends.
  std::multiset<Position> Outcome(const StartFacts& facts, const Plan& plan, Position published,
                                  Position publish_after) const {
    Progress captured = facts.spool ? facts.spool->captured : Progress{};
    std::set<Position> spool;
    if (plan.kind == Kind::kResume) {
      for (const Position& change : Changes()) {
        if (change > facts.spool->trimmed && change <= captured.position) spool.insert(change);
      }
    } else {
      captured = plan.captured;
    }
    // PostgreSQL moves the requested start forward to what was confirmed.
    const Lsn start = std::max(facts.slot.value_or(SlotState{}).confirmed_flush, captured.end_lsn);
    for (const Transaction& transaction : transactions_) {
      if (transaction.commit < start) continue;
      for (uint64_t i = 0; i < transaction.changes; ++i) {
        if (Position{transaction.commit, i} > captured.position) {
          spool.insert({transaction.commit, i});
        }
      }
    }
    std::multiset<Position> seen;
    for (const Position& change : Changes()) {
      if (change <= published) seen.insert(change);
    }
    for (const Position& change : spool) {
      if (change > publish_after) seen.insert(change);
    }
    return seen;
  }

  std::multiset<Position> Changes() const {
    std::multiset<Position> changes;
    for (const Transaction& transaction : transactions_) {
      for (uint64_t i = 0; i < transaction.changes; ++i) changes.insert({transaction.commit, i});
    }
    return changes;
  }

  // Nothing committed here has been confirmed away that is not in `durable`.
  Lsn SomeConfirmed() {
    return Below(4) == 0 ? Lsn{60 + Below(wal_end_.value)} : SomeProgress().end_lsn;
  }
  Lsn wal_end() const { return wal_end_; }

 private:
  struct Transaction {
    Lsn commit;
    Lsn end;
    uint64_t changes;
  };
  std::mt19937 random_;
  std::vector<Transaction> transactions_;
  Lsn wal_end_;
};

class ReconcileModelTest : public ReconcilePublishTest {};

// Any combination of a slot, a spool and a checkpoint, most of which no run would ever produce:
// whatever Reconcile lets go on without an override gives every change once.
TEST_F(ReconcileModelTest, NoPlanLosesOrRepeatsAChange) {
  int plans = 0, halts = 0, waits = 0;
  for (uint32_t seed = 0; seed < 200'000; ++seed) {
    World world(seed);
    facts_ = {};
    facts_.server = {"7000", 1, world.wal_end(), "shop", 150004, false, {}};
    facts_.slot_name = "bottledwater";
    facts_.checkpoint.cluster_id = "cluster-a";
    if (world.Below(10) > 0) HaveSlot(std::min(world.SomeConfirmed(), world.wal_end()));
    if (world.Below(4) > 0) {
      SpoolState& spool = HaveSpool(world.SomeProgress());
      spool.published = world.SomePublished();
      if (world.Below(3) == 0) spool.published = {};
      if (spool.published.position > spool.captured.position) spool.published = spool.captured;
      spool.trimmed = world.Below(2) == 0 ? Position::Zero() : world.SomeProgress().position;
      spool.trimmed = std::min(spool.trimmed, spool.published.position);
      if (world.Below(4) == 0) spool.predecessor = "lineage-0";
    }
    facts_.checkpoint.kind = CheckpointState::Kind::kAbsent;
    Position published = Position::Zero();
    if (world.Below(5) > 0) {
      HaveCheckpoint(world.SomePublished(), world.Below(5) == 0 ? "lineage-0" : "lineage-1");
      published = facts_.checkpoint.progress.position;
    }
    const CheckpointState checkpoint = facts_.checkpoint;
    if (world.Below(4) == 0) facts_.checkpoint = {};

    const auto outcome = Reconcile(facts_, {});
    const Plan* plan = std::get_if<Plan>(&outcome);
    if (plan == nullptr || plan->kind == Kind::kWaitForCheckpoint) {
      ++(plan == nullptr ? halts : waits);
      continue;
    }
    ASSERT_TRUE(plan->overrides_used.empty());
    // The publish side sees the spool as the plan leaves it, and the checkpoint as it really is.
    SpoolState spool = facts_.spool.value_or(SpoolState{});
    std::multiset<Position> expected = world.Changes();
    if (plan->kind == Kind::kFirstStart) {
      spool = {};
      spool.lineage = "lineage-2";
      spool.source = {"7000", "shop", "bottledwater", 1};
    } else if (plan->kind == Kind::kBeginAt) {
      spool = {};
      spool.lineage = "lineage-2";
      spool.source = {"7000", "shop", "bottledwater", 1};
      spool.captured = plan->captured;
      spool.predecessor = plan->predecessor;
    }
    const auto publish = ReconcilePublish(spool, checkpoint, {}, {});
    if (std::holds_alternative<Halt>(publish)) {
      ++halts;
      continue;
    }
    ++plans;
    if (plan->kind == Kind::kFirstStart) {
      // The snapshot is everything; nothing may have been published before.
      EXPECT_EQ(published, Position::Zero()) << seed;
      continue;
    }
    // A spool that never published and starts late (its slot was adopted, or its beginning was
    // skipped) is the one case in which older changes are nobody's.
    std::multiset<Position> seen =
        world.Outcome(facts_, *plan, published, std::get<PublishPlan>(publish).publish_after);
    EXPECT_EQ(seen, expected) << "seed " << seed;
    if (HasFailure()) return;
  }
  // The states are not so odd that nothing is tested.
  EXPECT_GT(plans, 20'000);
  EXPECT_GT(halts, 20'000);
  EXPECT_GT(waits, 1'000);
}

// And every state that a run can leave behind is let go on: confirmed at most what is durable,
// checkpoint at most what was captured, hint at most the checkpoint.
TEST_F(ReconcileModelTest, EveryStateThatARunLeavesBehindGoesOn) {
  for (uint32_t seed = 0; seed < 50'000; ++seed) {
    World world(seed);
    facts_ = {};
    facts_.server = {"7000", 1, world.wal_end(), "shop", 150004, false, {}};
    facts_.slot_name = "bottledwater";
    SpoolState& spool = HaveSpool(world.SomeProgress());
    Progress published = world.SomePublished();
    if (published.position > spool.captured.position) published = spool.captured;
    published.end_lsn = std::min(published.end_lsn, spool.captured.end_lsn);
    spool.published = world.SomePublished();
    if (spool.published.position > published.position) spool.published = published;
    spool.trimmed = world.Below(2) == 0 ? Position::Zero() : spool.published.position;
    HaveSlot(std::min(world.SomeConfirmed(), spool.captured.end_lsn));
    HaveCheckpoint(published);
    if (world.Below(3) == 0) KafkaAway();
    ExpectPlan(Kind::kResume);
    // Lazy confirming lets the spool be lost while Kafka keeps up.
    if (facts_.checkpoint.kind == CheckpointState::Kind::kPresent &&
        facts_.slot->confirmed_flush <= published.end_lsn) {
      facts_.spool.reset();
      ExpectPlan(Kind::kBeginAt);
    }
    if (HasFailure()) {
      ADD_FAILURE() << "seed " << seed;
      return;
    }
  }
}

}  // namespace
}  // namespace bw
