#include "spool/spool.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace bw {
namespace {

namespace fs = std::filesystem;

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() {
    char path[] = "/tmp/bottledwater-spool-test-XXXXXX";
    root_ = mkdtemp(path);
    options_.directory = root_ + "/spool";
  }
  ~SpoolTest() override {
    spool_.reset();
    fs::remove_all(root_);
  }

  void Open() { spool_ = Spool::Open(options_); }
  void Reopen() {
    spool_.reset();
    Open();
  }
  void OpenStreaming() {
    Open();
    spool_->BeginStreamingAt(kSource, {Position::EndOf(Lsn{100}), Lsn{110}}, "");
    spool_->log().DropUncaptured();
  }
  SchemaId Schema() {
    return spool_->log().AddSchema({"public", "test", "{\"key\":1}", "{\"value\":1}"});
  }
  void Append(uint64_t commit_lsn, uint64_t index, const std::string& value = "v") {
    Change change;
    change.position = {Lsn{commit_lsn}, index};
    change.schema_id = Schema();
    change.key = "k";
    change.value = value;
    spool_->log().Append(change);
  }
  void End(uint64_t commit_lsn) {
    spool_->log().EndTransaction({Lsn{commit_lsn}, Lsn{commit_lsn + 10}});
  }
  void Commit(uint64_t commit_lsn, uint64_t changes, const std::string& value = "v") {
    for (uint64_t i = 0; i < changes; ++i) Append(commit_lsn, i, value);
    End(commit_lsn);
    WaitDurable();
  }
  void WaitDurable() {
    ASSERT_TRUE(
        spool_->log().WaitUntilDurable(stop_, Clock::Real().Now() + std::chrono::seconds(20)));
  }
  std::vector<Position> Positions(const SpoolBatch& batch) {
    std::vector<Position> positions;
    for (const Change& change : batch.changes()) positions.push_back(change.position);
    return positions;
  }
  SpoolBatch ReadAll(Position after = Position::EndOf(Lsn{100})) {
    return spool_->log().Read(after, {100'000, kGiB});
  }

  inline static const Source kSource{"7300000000000000001", "shop", "bottledwater", 1};
  std::string root_;
  SpoolOptions options_;
  std::unique_ptr<Spool> spool_;
  Stop stop_;
};

TEST_F(SpoolTest, ANewSpoolIsEmptyAndStaysSoOverAReopen) {
  EXPECT_FALSE(Spool::Exists(options_));
  Open();
  EXPECT_TRUE(Spool::Exists(options_));
  EXPECT_EQ(spool_->ledger().state().phase, SpoolPhase::kEmpty);
  Reopen();
  EXPECT_EQ(spool_->ledger().state().phase, SpoolPhase::kEmpty);
}

TEST_F(SpoolTest, RemembersTheIntentOfAFirstStart) {
  Open();
  spool_->BeginFirstStart(kSource);
  Reopen();
  EXPECT_EQ(spool_->ledger().state().phase, SpoolPhase::kFirstStart);
  EXPECT_EQ(spool_->ledger().state().source, kSource);
  EXPECT_EQ(spool_->ledger().state().lineage.size(), 32u);
}

TEST_F(SpoolTest, ARemedyStaysNotedUntilACheckpointSaysIt) {
  Open();
  spool_->ledger().NoteRemedy("accept-gap=0/64");
  Reopen();
  spool_->BeginStreamingAt(kSource, {Position::EndOf(Lsn{100}), Lsn{110}}, "");
  spool_->ledger().NoteRemedy("accept-gap=0/64");
  const std::vector<std::string> said = spool_->ledger().remedies();
  EXPECT_EQ(said, std::vector<std::string>{"accept-gap=0/64"});
  spool_->ledger().NoteRemedy("resnapshot caf\xE9");  // Latin 1, as the command line may have it.
  spool_->ledger().ForgetRemedies(said);
  Reopen();
  ASSERT_EQ(spool_->ledger().remedies().size(), 1U);
  EXPECT_EQ(spool_->ledger().remedies()[0], "resnapshot caf\uFFFD");
}

TEST_F(SpoolTest, ReadsBackCommittedChangesInOrderAlsoAfterAReopen) {
  OpenStreaming();
  Commit(200, 2);
  Commit(300, 1);
  for (int round = 0; round < 2; ++round) {
    const SpoolBatch batch = ReadAll();
    EXPECT_EQ(Positions(batch),
              (std::vector<Position>{{Lsn{200}, 0}, {Lsn{200}, 1}, {Lsn{300}, 0}}));
    EXPECT_EQ(batch.through(), (Progress{Position::EndOf(Lsn{300}), Lsn{310}}));
    EXPECT_EQ(batch.changes()[0].value, "v");
    EXPECT_EQ(spool_->ledger().captured(), batch.through());
    EXPECT_EQ(spool_->log().Schema(batch.changes()[0].schema_id).table, "test");
    Reopen();
  }
}

TEST_F(SpoolTest, ShowsNothingOfAnUnfinishedTransaction) {
  OpenStreaming();
  Commit(200, 1);
  // Several chunks, so that the transaction's beginning really is in the store already.
  for (uint64_t i = 0; i < 64; ++i) {
    Append(300, i, std::string(100'000, 'x'));
    ASSERT_TRUE(spool_->log().WaitForRoom(stop_));
  }
  EXPECT_EQ(Positions(ReadAll()), (std::vector<Position>{{Lsn{200}, 0}}));
  EXPECT_EQ(spool_->ledger().captured().position, Position::EndOf(Lsn{200}));
}

TEST_F(SpoolTest, DropsAnUnfinishedTransactionAndTakesItAgainDifferently) {
  OpenStreaming();
  for (uint64_t i = 0; i < 64; ++i) {
    Append(300, i, std::string(100'000, 'x'));
    ASSERT_TRUE(spool_->log().WaitForRoom(stop_));
  }
  spool_->log().DropUncaptured();
  Commit(300, 2);
  EXPECT_EQ(Positions(ReadAll()), (std::vector<Position>{{Lsn{300}, 0}, {Lsn{300}, 1}}));
  Reopen();
  EXPECT_EQ(ReadAll().changes().size(), 2u);
}

TEST_F(SpoolTest, CutsBatchesBetweenTransactions) {
  OpenStreaming();
  Commit(200, 3);
  Commit(300, 3);
  const SpoolBatch first = spool_->log().Read(Position::EndOf(Lsn{100}), {5, kGiB});
  EXPECT_EQ(first.changes().size(), 3u);
  EXPECT_EQ(first.through(), (Progress{Position::EndOf(Lsn{200}), Lsn{210}}));
  EXPECT_FALSE(first.splits_transaction());
  const SpoolBatch second = spool_->log().Read(first.through().position, {5, kGiB});
  EXPECT_EQ(Positions(second),
            (std::vector<Position>{{Lsn{300}, 0}, {Lsn{300}, 1}, {Lsn{300}, 2}}));
}

TEST_F(SpoolTest, SplitsOnlyATransactionLargerThanTheLimits) {
  OpenStreaming();
  Commit(200, 5);
  Position after = Position::EndOf(Lsn{100});
  std::vector<size_t> sizes;
  std::vector<bool> splits;
  std::vector<Lsn> ends;
  while (after < spool_->ledger().captured().position) {
    const SpoolBatch batch = spool_->log().Read(after, {2, kGiB});
    sizes.push_back(batch.changes().size());
    splits.push_back(batch.splits_transaction());
    ends.push_back(batch.through().end_lsn);
    after = batch.through().position;
  }
  EXPECT_EQ(sizes, (std::vector<size_t>{2, 2, 1}));
  EXPECT_EQ(splits, (std::vector<bool>{true, true, false}));
  EXPECT_EQ(ends, (std::vector<Lsn>{Lsn::Invalid(), Lsn::Invalid(), Lsn{210}}));
}

TEST_F(SpoolTest, AFullBatchThatEndsWithItsTransactionIsNotSplit) {
  OpenStreaming();
  Commit(200, 2);
  Commit(300, 1);
  const SpoolBatch batch = spool_->log().Read(Position::EndOf(Lsn{100}), {2, kGiB});
  EXPECT_FALSE(batch.splits_transaction());
  EXPECT_EQ(batch.through().end_lsn, Lsn{210});
}

// Found by the simulation: the batch was cut behind the snapshot's end, empty, time and again.
TEST_F(SpoolTest, AnEmptySnapshotBeforeALargeTransactionIsNoPlaceToCut) {
  Open();
  spool_->BeginFirstStart(kSource);
  spool_->log().DropUncaptured();
  ASSERT_TRUE(spool_->log().EndSnapshot({Lsn{99}, Lsn{100}}, {}, stop_));
  Commit(200, 5);
  const SpoolBatch batch = spool_->log().Read(Position::Zero(), {2, kGiB});
  EXPECT_EQ(Positions(batch), (std::vector<Position>{{Lsn{200}, 0}, {Lsn{200}, 1}}));
  EXPECT_TRUE(batch.splits_transaction());
}

TEST_F(SpoolTest, TakesOneChangeHoweverLarge) {
  OpenStreaming();
  Commit(200, 2, std::string(100'000, 'x'));
  const SpoolBatch batch = spool_->log().Read(Position::EndOf(Lsn{100}), {10, 1000});
  EXPECT_EQ(batch.changes().size(), 1u);
  EXPECT_TRUE(batch.splits_transaction());
}

TEST_F(SpoolTest, IdleWalMovesTheEndLsnOnly) {
  OpenStreaming();
  Commit(200, 1);
  spool_->log().AdvanceIdle(Lsn{5000});
  WaitDurable();
  EXPECT_EQ(spool_->ledger().captured(), (Progress{Position::EndOf(Lsn{200}), Lsn{5000}}));
  spool_->log().AdvanceIdle(Lsn{4000});  // A keepalive that goes back changes nothing.
  Reopen();
  EXPECT_EQ(spool_->ledger().captured(), (Progress{Position::EndOf(Lsn{200}), Lsn{5000}}));
  const SpoolBatch batch = spool_->log().Read(Position::EndOf(Lsn{200}), {});
  EXPECT_TRUE(batch.changes().empty());
  EXPECT_EQ(batch.through().end_lsn, Lsn{5000});
}

TEST_F(SpoolTest, RemembersTheNewestTransactionAndWhereItsWalEnded) {
  OpenStreaming();
  Append(200, 0);
  const TransactionEnd end{Lsn{200}, Lsn{210}, 700, 123, 456};
  spool_->log().EndTransaction(end);
  spool_->log().AdvanceIdle(Lsn{5000});
  WaitDurable();
  const CapturedHistory history{Lsn{210}, end};
  EXPECT_EQ(spool_->ledger().state().history, history);
  Append(300, 0);  // Not ended.
  Reopen();
  EXPECT_EQ(spool_->ledger().state().history, history);
  spool_->log().DropUncaptured();
  spool_->log().AdvanceIdle(Lsn{6000});
  WaitDurable();
  EXPECT_EQ(spool_->ledger().state().history, history);
}

// As from a database that was set back to behind the newest change.
TEST_F(SpoolTest, TakesATransactionThatCommitsWhereIdleWalWasNoted) {
  OpenStreaming();
  Commit(200, 1);
  spool_->log().AdvanceIdle(Lsn{5000});
  Commit(300, 1);
  EXPECT_EQ(spool_->ledger().captured(), (Progress{Position::EndOf(Lsn{300}), Lsn{5000}}));
  EXPECT_EQ(spool_->ledger().state().history.changes_end, Lsn{310});
  EXPECT_EQ(spool_->log().Read(Position::EndOf(Lsn{200}), {}).through().end_lsn, Lsn{5000});
}

TEST_F(SpoolTest, ASnapshotIsVisibleOnlyWhenItHasEnded) {
  Open();
  spool_->BeginFirstStart(kSource);
  spool_->log().DropUncaptured();
  Append(499, 0);
  EXPECT_TRUE(spool_->log().Read(Position::Zero(), {}).changes().empty());
  EXPECT_EQ(spool_->ledger().state().phase, SpoolPhase::kFirstStart);
  ASSERT_TRUE(spool_->log().EndSnapshot({Lsn{499}, Lsn{500}}, {}, stop_));
  EXPECT_EQ(spool_->log().Read(Position::Zero(), {}).changes().size(), 1u);
  Reopen();
  EXPECT_EQ(spool_->ledger().state().phase, SpoolPhase::kStreaming);
  EXPECT_EQ(spool_->ledger().captured().end_lsn, Lsn{500});
}

TEST_F(SpoolTest, AFirstStartWipesWhatAnInterruptedOneLeft) {
  Open();
  spool_->BeginFirstStart(kSource);
  const std::string first_lineage = spool_->ledger().state().lineage;
  spool_->log().DropUncaptured();
  Append(499, 0);
  ASSERT_TRUE(spool_->log().EndSnapshot({Lsn{499}, Lsn{500}}, {}, stop_));
  spool_->BeginFirstStart(kSource);
  EXPECT_NE(spool_->ledger().state().lineage, first_lineage);
  spool_->log().DropUncaptured();
  ASSERT_TRUE(spool_->log().EndSnapshot({Lsn{599}, Lsn{600}}, {}, stop_));
  EXPECT_TRUE(spool_->log().Read(Position::Zero(), {}).changes().empty());
}

TEST_F(SpoolTest, AResnapshotPurgesAndIsRememberedUntilItIsTrimmed) {
  Open();
  spool_->BeginFirstStart(kSource, std::vector<std::string>{"old"});
  spool_->log().DropUncaptured();
  Append(499, 0);
  const std::vector<TableName> tables = {{"public", "test"}, {"public", "empty"}};
  ASSERT_TRUE(spool_->log().EndSnapshot({Lsn{499}, Lsn{500}}, tables, stop_));
  const std::vector<SnapshotMark> expected = {{Lsn{499}, true, tables}};
  EXPECT_EQ(spool_->ledger().snapshots(), expected);
  Reopen();
  EXPECT_EQ(spool_->ledger().snapshots(), expected);
  EXPECT_EQ(spool_->ledger().state().supersedes, std::vector<std::string>{"old"});
  spool_->ledger().SetPublished({Position::EndOf(Lsn{499}), Lsn{500}});
  spool_->log().DropUncaptured();
  Append(599, 0);
  ASSERT_TRUE(spool_->log().EndSnapshot({Lsn{599}, Lsn{600}}, {{"public", "test"}}, stop_));
  const SnapshotMark next = {Lsn{599}, true, {{"public", "test"}}};
  EXPECT_EQ(spool_->ledger().snapshots(), (std::vector{expected.front(), next}));
  EXPECT_EQ(spool_->ledger().NextPurge(spool_->ledger().published().position), next);
  spool_->log().Trim(Position::EndOf(Lsn{499}));
  Append(699, 0);
  ASSERT_TRUE(spool_->log().EndSnapshot({Lsn{699}, Lsn{700}}, {{"public", "test"}}, stop_));
  const SnapshotMark last = {Lsn{699}, true, {{"public", "test"}}};
  EXPECT_EQ(spool_->ledger().snapshots(), (std::vector{next, last}));
  spool_->BeginFirstStart(kSource);
  EXPECT_TRUE(spool_->ledger().snapshots().empty());
  EXPECT_EQ(spool_->ledger().state().supersedes, std::nullopt);
}

std::vector<TableName> TablesOf(const std::vector<Reread>& notes) {
  std::vector<TableName> tables;
  for (const Reread& note : notes) tables.push_back(note.table);
  return tables;
}

TEST_F(SpoolTest, ATableStaysNotedForARereadUntilItsSnapshotIsDurable) {
  OpenStreaming();
  const TableName a{"public", "a\xFF"}, b{"public", "b"};
  spool_->ledger().NoteReread(a, "first");
  spool_->ledger().NoteRereads({a, b}, "second");
  Reopen();
  ASSERT_EQ(TablesOf(spool_->ledger().rereads()), (std::vector<TableName>{a, b}));
  EXPECT_EQ(spool_->ledger().rereads()[0].reason, "first");
  spool_->log().DropUncaptured();
  spool_->ledger().BeginReread();
  Append(499, 0);
  spool_->log().DropUncaptured();  // That one did not come to its end.
  EXPECT_EQ(spool_->ledger().rereads().size(), 2U);
  ASSERT_TRUE(spool_->log().EndSnapshot({Lsn{499}, Lsn{500}}, {a}, stop_));
  EXPECT_EQ(TablesOf(spool_->ledger().rereads()), std::vector<TableName>{b});
  Reopen();
  EXPECT_EQ(TablesOf(spool_->ledger().rereads()), std::vector<TableName>{b});
  spool_->BeginFirstStart(kSource);
  EXPECT_TRUE(spool_->ledger().rereads().empty());
}

TEST_F(SpoolTest, ATableThatIsNotedAgainDuringItsRereadStaysNoted) {
  OpenStreaming();
  const TableName table{"public", "test"};
  spool_->ledger().NoteReread(table, "first");
  spool_->ledger().BeginReread();
  spool_->ledger().NoteReread(table, "second");
  spool_->ledger().NoteReread(table, "third");
  EXPECT_EQ(spool_->ledger().rereads().size(), 2U);
  ASSERT_TRUE(spool_->log().EndSnapshot({Lsn{499}, Lsn{500}}, {table}, stop_));
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(spool_->ledger().rereads().size(), 1U);
    EXPECT_EQ(spool_->ledger().rereads()[0].reason, "second");
    Reopen();
  }
  const Reread old = spool_->ledger().rereads()[0];
  spool_->ledger().BeginReread();
  spool_->ledger().NoteReread(table, "fourth");
  spool_->ledger().ForgetReread(old);
  spool_->ledger().ForgetReread(old);
  ASSERT_EQ(spool_->ledger().rereads().size(), 1U);
  EXPECT_EQ(spool_->ledger().rereads()[0].reason, "fourth");
}

TEST_F(SpoolTest, AccountedMembersAreRememberedUntilItBeginsAnew) {
  OpenStreaming();
  EXPECT_EQ(spool_->ledger().accounted_members(), std::nullopt);
  spool_->ledger().SetAccountedMembers({});
  EXPECT_EQ(spool_->ledger().accounted_members(), std::vector<uint32_t>{});
  spool_->ledger().SetAccountedMembers({7, 4'294'967'295});
  Reopen();
  EXPECT_EQ(spool_->ledger().accounted_members(), (std::vector<uint32_t>{7, 4'294'967'295}));
  spool_->BeginFirstStart(kSource);
  EXPECT_EQ(spool_->ledger().accounted_members(), std::nullopt);
}

TEST_F(SpoolTest, ReadsNothingAtOrAboveTheLimit) {
  OpenStreaming();
  Commit(200, 2);
  Commit(300, 1);
  SpoolBatch batch = spool_->log().Read(Position::EndOf(Lsn{100}), {.before = Lsn{300}});
  EXPECT_EQ(Positions(batch), (std::vector<Position>{{Lsn{200}, 0}, {Lsn{200}, 1}}));
  EXPECT_EQ(batch.through(), (Progress{Position::EndOf(Lsn{299}), Lsn{210}}));
  batch = spool_->log().Read(Position::EndOf(Lsn{200}), {.before = Lsn{300}});
  EXPECT_TRUE(batch.changes().empty());
  EXPECT_EQ(batch.through(), (Progress{Position::EndOf(Lsn{299}), Lsn::Invalid()}));
  batch = spool_->log().Read(Position::EndOf(Lsn{299}), {.before = Lsn{300}});
  EXPECT_TRUE(batch.changes().empty());
  batch = spool_->log().Read(Position::EndOf(Lsn{100}), {.before = Lsn{301}});
  EXPECT_EQ(batch.changes().size(), 3u);
  EXPECT_EQ(batch.through().end_lsn, Lsn{310});
  batch = spool_->log().Read(Position::EndOf(Lsn{100}), {.changes_max = 1, .before = Lsn{300}});
  EXPECT_TRUE(batch.splits_transaction());
}

TEST_F(SpoolTest, AScratchSetIsSortedAndLeavesNothing) {
  Open();
  for (int round = 0; round < 2; ++round) {
    const auto scratch = spool_->MakeScratch();
    scratch->Add("b");
    scratch->Add("a");
    scratch->Add("c");
    scratch->Remove("b");
    std::string all;
    std::string_view entry;
    while (scratch->Next(&entry)) all += entry;
    EXPECT_EQ(all, "ac");
  }
  EXPECT_FALSE(fs::exists(options_.directory + "/scratch"));
}

TEST_F(SpoolTest, EqualSchemasHaveOneIdAlsoAfterAReopen) {
  OpenStreaming();
  const SchemaId id = Schema();
  EXPECT_EQ(Schema(), id);
  Commit(200, 1);
  EXPECT_NE(spool_->log().AddSchema({"public", "other", std::nullopt, "{}"}), id);
  Reopen();
  spool_->log().DropUncaptured();
  EXPECT_EQ(Schema(), id);
}

TEST_F(SpoolTest, ASchemaOfADroppedTransactionIsForgotten) {
  OpenStreaming();
  const SchemaId id = Schema();
  spool_->log().DropUncaptured();
  EXPECT_THROW(spool_->log().Schema(id), Error);
}

TEST_F(SpoolTest, TrimmingKeepsWhatIsAboveAndNeverFails) {
  OpenStreaming();
  for (uint64_t lsn = 200; lsn < 240; lsn += 10) Commit(lsn, 20, std::string(100'000, 'x'));
  spool_->ledger().SetPublished({Position::EndOf(Lsn{220}), Lsn{230}});
  spool_->log().Trim(Position::EndOf(Lsn{220}));
  EXPECT_EQ(spool_->log().Read(Position::EndOf(Lsn{220}), {100, kGiB}).changes().size(), 20u);
  EXPECT_EQ(spool_->ledger().state().trimmed, Position::EndOf(Lsn{220}));
  Reopen();
  EXPECT_EQ(spool_->ledger().published(), (Progress{Position::EndOf(Lsn{220}), Lsn{230}}));
  EXPECT_EQ(spool_->log().Read(Position::EndOf(Lsn{220}), {100, kGiB}).changes().size(), 20u);
}

TEST_F(SpoolTest, ASplitTransactionLeavesThePublishedEndLsn) {
  OpenStreaming();
  spool_->ledger().SetPublished({Position::EndOf(Lsn{120}), Lsn{130}});
  spool_->ledger().SetPublished({{Lsn{140}, 5}, Lsn::Invalid()});
  EXPECT_EQ(spool_->ledger().published(), (Progress{{Lsn{140}, 5}, Lsn{130}}));
}

TEST_F(SpoolTest, ASecondProcessIsTurnedAway) {
  Open();
  try {
    Spool::Open(options_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kAnotherRelay);
    EXPECT_NE(std::string(error.what()).find(std::to_string(getpid())), std::string::npos);
  }
}

TEST_F(SpoolTest, IsReadableByItsOwnerOnly) {
  const mode_t before = umask(022);
  Open();
  umask(before);
  struct stat status {};
  ASSERT_EQ(stat(options_.directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(SpoolTest, ForeignFilesALinkOrAMissingParentAreRefused) {
  const auto refused = [&](const std::string& directory) {
    SpoolOptions options = options_;
    options.directory = directory;
    try {
      Spool::Open(options);
      return std::string("opened");
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::kSpoolUnusable);
      return std::string(error.what());
    }
  };
  fs::create_directory(root_ + "/foreign");
  std::ofstream(root_ + "/foreign/thesis.txt") << "mine";
  EXPECT_NE(refused(root_ + "/foreign").find("thesis.txt"), std::string::npos);
  fs::create_directory(root_ + "/real");
  fs::create_directory_symlink(root_ + "/real", root_ + "/link");
  EXPECT_NE(refused(root_ + "/link").find("symbolic link"), std::string::npos);
  EXPECT_NE(refused(root_ + "/none/spool").find("does not exist"), std::string::npos);
  std::ofstream(root_ + "/file") << "x";
  EXPECT_NE(refused(root_ + "/file").find("not a directory"), std::string::npos);
}

TEST_F(SpoolTest, PausesAtMaxBytesAndGoesOnWhenThereIsRoom) {
  options_.max_bytes = 1;  // The empty store is larger already.
  Open();
  spool_->BeginStreamingAt(kSource, {Position::EndOf(Lsn{100}), Lsn{110}}, "");
  spool_->log().DropUncaptured();
  Append(200, 0);
  End(200);
  EXPECT_FALSE(
      spool_->log().WaitUntilDurable(stop_, Clock::Real().Now() + std::chrono::milliseconds(300)));
  ASSERT_TRUE(spool_->log().Obstacle().has_value());
  EXPECT_NE(spool_->log().Obstacle()->find("--spool-max-bytes"), std::string::npos);
  EXPECT_FALSE(spool_->failed());
  EXPECT_EQ(spool_->ledger().captured().position, Position::EndOf(Lsn{100}));
}

TEST_F(SpoolTest, AtMaxBytesRoomComesFromTrimmingAlthoughNothingIsFlushed) {
  options_.max_bytes = 2 * kMiB;  // Less than a memtable: all of it is in memory and in the log.
  OpenStreaming();
  for (uint64_t commit = 200; commit < 2000; commit += 100) {
    Commit(commit, 4, std::string(64 * kKiB, 'x'));
    const Progress published = spool_->ledger().captured();
    spool_->ledger().SetPublished(published);
    spool_->log().Trim(published.position);
  }
  EXPECT_EQ(spool_->ledger().captured().position, Position::EndOf(Lsn{1900}));
}

TEST_F(SpoolTest, ATransactionLargerThanMaxBytesPassesWhenNothingElseWaits) {
  options_.max_bytes = 2 * kMiB;
  OpenStreaming();
  spool_->ledger().SetPublished(spool_->ledger().captured());
  Commit(200, 64, std::string(64 * kKiB, 'x'));
  EXPECT_EQ(spool_->ledger().captured().position, Position::EndOf(Lsn{200}));
}

TEST_F(SpoolTest, NothingPassesMaxBytesWhileATableIsHeld) {
  options_.max_bytes = 1;  // The empty store is larger already.
  OpenStreaming();
  spool_->ledger().SetPublished(spool_->ledger().captured());
  spool_->ledger().SetHeldAfter(Position::EndOf(Lsn{50}));
  Append(200, 0);
  End(200);
  EXPECT_FALSE(
      spool_->log().WaitUntilDurable(stop_, Clock::Real().Now() + std::chrono::milliseconds(300)));
  EXPECT_TRUE(spool_->log().Obstacle().has_value());
  spool_->ledger().SetHeldAfter(std::nullopt);
  EXPECT_TRUE(
      spool_->log().WaitUntilDurable(stop_, Clock::Real().Now() + std::chrono::seconds(60)));
}

TEST_F(SpoolTest, ACorruptChangeIsNeverReturned) {
  OpenStreaming();
  Commit(200, 50, std::string(1000, 'x'));
  spool_.reset();
  for (const auto& entry : fs::directory_iterator(options_.directory + "/db")) {
    if (entry.path().extension() != ".log" || entry.file_size() == 0) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(entry.file_size() / 2));
    file.put('!');
  }
  // Refused when opening, or when reading: what matters is that it is a halt and names the spool.
  try {
    Open();
    ReadAll();
    FAIL() << "corruption was not noticed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kHalt);
    EXPECT_EQ(error.exit_code(), ExitCode::kSpoolUnusable);
  }
}

TEST_F(SpoolTest, ATablesKeyIsDurableWithTheChangesThatUseIt) {
  OpenStreaming();
  const TableKey noted{7, {"public", "a"}, {{"id", 23}}, {"id"}, "{}"};
  TableKey appended = noted;
  appended.relation = 8;
  spool_->ledger().NoteTableKeys({noted});
  spool_->log().AppendTableKey(appended);
  EXPECT_EQ(spool_->ledger().FindTableKey(8), appended);
  spool_->log().DropUncaptured();
  EXPECT_EQ(spool_->ledger().FindTableKey(8), std::nullopt);
  spool_->log().AppendTableKey(appended);
  Append(499, 0);
  End(499);
  WaitDurable();
  Reopen();
  EXPECT_EQ(spool_->ledger().FindTableKey(7), noted);
  EXPECT_EQ(spool_->ledger().FindTableKey(8), appended);
  spool_->BeginFirstStart(kSource);
  EXPECT_EQ(spool_->ledger().FindTableKey(7), std::nullopt);
}

TEST_F(SpoolTest, ATablesKeyIsOnlyReplacedByOneThatIsAppended) {
  OpenStreaming();
  const TableKey first{7, {"public", "a"}, {{"id", 23}}, {"id"}, "{}"};
  TableKey other = first;
  other.columns = {{"id", 20}};
  spool_->ledger().NoteTableKeys({first});
  spool_->ledger().NoteTableKeys({other});
  EXPECT_EQ(spool_->ledger().FindTableKey(7), first);
  spool_->log().AppendTableKey(other);
  Commit(200, 1);
  spool_->ledger().NoteTableKeys({first});
  EXPECT_EQ(spool_->ledger().FindTableKey(7), other);
  Reopen();
  EXPECT_EQ(spool_->ledger().FindTableKey(7), other);
}

TEST_F(SpoolTest, ChangesCountWhenTheyAreDurableAndEndsDoNot) {
  OpenStreaming();
  Commit(200, 2);
  EXPECT_EQ(spool_->log().changes_captured(), 2u);
  Append(300, 0);
  spool_->log().DropUncaptured();
  EXPECT_EQ(spool_->log().changes_captured(), 2u);
  Commit(300, 3);
  EXPECT_EQ(spool_->log().changes_captured(), 5u);
  spool_->BeginFirstStart(kSource);
  EXPECT_EQ(spool_->log().changes_captured(), 5u);
}

TEST_F(SpoolTest, ATypeIsDurableWithTheChangesThatUseItUntilTheSpoolBeginsAnew) {
  OpenStreaming();
  TypeNote type{20000, 0, -1, 0, ',', {"red"}};
  spool_->log().AppendType(type);
  EXPECT_EQ(spool_->ledger().FindType(20000), type);
  spool_->log().DropUncaptured();
  EXPECT_EQ(spool_->ledger().FindType(20000), std::nullopt);
  spool_->log().AppendType(type);
  Commit(200, 1);
  type.labels.push_back("green");
  spool_->log().AppendType(type);
  Commit(300, 1);
  Reopen();
  EXPECT_EQ(spool_->ledger().FindType(20000), type);
  spool_->BeginFirstStart(kSource);
  EXPECT_EQ(spool_->ledger().FindType(20000), std::nullopt);
}

}  // namespace
}  // namespace bw
