#include "capture/capture_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "support/pgoutput_builder.h"

namespace bw {
namespace {

// Time that only moves when the stream waits, or is asked for after SetStep.
class ManualClock : public Clock {
 public:
  TimePoint Now() override { return now_ += step_; }
  int64_t WallMicros() override { return 0; }
  bool WaitUntil(std::unique_lock<std::mutex>* lock, std::condition_variable* changed,
                 TimePoint deadline, const std::function<bool()>& done) override {
    return Clock::Real().WaitUntil(lock, changed, deadline, done);
  }
  void SleepUntil(TimePoint deadline, const Stop&) override { now_ = std::max(now_, deadline); }
  std::unique_ptr<Thread> Start(std::function<void()> run) override {
    return Clock::Real().Start(std::move(run));
  }
  void Advance(Duration duration) { now_ += duration; }
  // From now on each look at it is so much later.
  void SetStep(Duration step) { step_ = step; }

 private:
  TimePoint now_ = TimePoint() + std::chrono::hours(1);
  Duration step_{0};
};

// A server's side of the stream: frames and things that happen between them, in order. When the
// script is played, the session is stopped.
class ScriptedStream : public ReplicationStream {
 public:
  ScriptedStream(ManualClock* clock, Stop* stop) : clock_(clock), stop_(stop) {}

  void Data(std::string bytes) {
    Step([bytes] { return std::optional<std::string>(bytes); });
  }
  void Alive(uint64_t wal_end, bool reply_requested = false) {
    steps_.push_back({[] { return std::nullopt; }, Keepalive{Lsn{wal_end}, reply_requested}});
  }
  // Runs before the next frame is received.
  void Do(std::function<void()> action) {
    steps_.push_back({[action] {
                        action();
                        return std::nullopt;
                      },
                      std::nullopt});
  }
  void Silence(Duration duration) {
    for (; duration.count() > 0; duration -= Duration(1'000)) {
      Do([this] { clock_->Advance(Duration(1'000)); });
    }
  }

  void Start(const StreamStart& start) override { started = start; }
  std::optional<Frame> Receive(TimePoint) override {
    if (steps_.empty()) {
      stop_->Request();
      return std::nullopt;
    }
    ScriptStep step = std::move(steps_.front());
    steps_.pop_front();
    if (std::optional<std::string> bytes = step.run()) {
      data_ = std::move(*bytes);
      return Frame(XLogData{Lsn{1}, Lsn{1}, data_});
    }
    if (step.keepalive) return Frame(*step.keepalive);
    return std::nullopt;
  }
  void SendStatus(const StandbyStatus& status) override { statuses.push_back(status); }
  void Finish() noexcept override { finished = true; }

  std::optional<StreamStart> started;
  std::vector<StandbyStatus> statuses;
  bool finished = false;

 private:
  struct ScriptStep {
    std::function<std::optional<std::string>()> run;
    std::optional<Keepalive> keepalive;
  };
  void Step(std::function<std::optional<std::string>()> run) {
    steps_.push_back({std::move(run), std::nullopt});
  }

  ManualClock* clock_;
  Stop* stop_;
  std::deque<ScriptStep> steps_;
  std::string data_;
};

class CaptureSessionTest : public testing::Test {
 protected:
  CaptureSessionTest() : stream_(&clock_, &*stop_) {
    char path[] = "/tmp/bottledwater-capture-test-XXXXXX";
    root_ = mkdtemp(path);
    spool_options_.directory = root_ + "/spool";
    spool_ = Spool::Open(spool_options_);
    spool_->BeginStreamingAt({"1", "db", "bottledwater", 1},
                             {Position::EndOf(Lsn{0x0F}), Lsn{0x10}}, "");
    options_.slot = "bottledwater";
    source_.publications = {"bottledwater"};
    source_.confirmed_flush = Lsn{0x10};
  }
  ~CaptureSessionTest() override {
    spool_.reset();
    std::filesystem::remove_all(root_);
  }

  SessionEnd Run() {
    CaptureSession::Environment environment;
    environment.options = &options_;
    environment.stream = &stream_;
    environment.spool = spool_.get();
    environment.clock = &clock_;
    environment.stop = &*stop_;
    environment.figures = &figures_;
    environment.end_wanted = [this] { return end_wanted_; };
    environment.key_lookup = [](RelationId id, const Table& table, ReplicaIdentity) {
      return FullKey{KeyFormOf(id.value, table).key};
    };
    return CaptureSession(environment, source_).Run();
  }
  void Announce() {
    stream_.Data(pgoutput::Relation(5, "public", "t", {{"id", 23, true}, {"v", 25}}));
  }
  void Transaction(uint64_t commit_lsn, uint64_t end_lsn, int rows) {
    stream_.Data(pgoutput::Begin(commit_lsn));
    if (!announced_) Announce();
    announced_ = true;
    for (int i = 0; i < rows; ++i) stream_.Data(pgoutput::Insert(5, {"1", "x"}));
    stream_.Data(pgoutput::Commit(commit_lsn, end_lsn));
  }
  void UntilDurable() {
    stream_.Do([this] {
      const Stop never;
      ASSERT_TRUE(
          spool_->log().WaitUntilDurable(never, Clock::Real().Now() + std::chrono::seconds(20)));
    });
  }
  size_t Spooled() { return spool_->log().Read(Position::Zero(), {}).changes().size(); }

  ManualClock clock_;
  std::optional<Stop> stop_{std::in_place};
  ScriptedStream stream_;
  std::string root_;
  SpoolOptions spool_options_;
  std::unique_ptr<Spool> spool_;
  CaptureOptions options_;
  CaptureSession::StreamFacts source_;
  CaptureFigures figures_;
  std::optional<Lsn> end_wanted_;
  bool announced_ = false;
};

TEST_F(CaptureSessionTest, StartsAtTheCapturedEndAndSpoolsWholeTransactions) {
  Transaction(0x20, 0x30, 2);
  Transaction(0x30, 0x40, 1);
  stream_.Data(pgoutput::Begin(0x50));
  stream_.Data(pgoutput::Insert(5, {"9", "unfinished"}));
  UntilDurable();
  Run();
  EXPECT_EQ(stream_.started->start_lsn, Lsn{0x10});
  EXPECT_EQ(stream_.started->slot, "bottledwater");
  EXPECT_TRUE(stream_.finished);
  EXPECT_EQ(Spooled(), 3u);
  EXPECT_EQ(spool_->ledger().captured(), (Progress{Position::EndOf(Lsn{0x30}), Lsn{0x40}}));
  EXPECT_EQ(figures_.transactions, 2u);
  EXPECT_FALSE(figures_.streaming);
}

// What a re-snapshot of tables stands on: P is in the snapshot exactly if it committed before it.
TEST_F(CaptureSessionTest, StopsBeforeATransactionThatCommitsAtTheGivenLsn) {
  source_.stop_before = Lsn{0x40};
  Transaction(0x20, 0x30, 1);
  Transaction(0x30, 0x40, 1);
  Transaction(0x40, 0x50, 1);
  stream_.Do([] { FAIL() << "it goes on"; });
  Run();
  EXPECT_TRUE(stream_.finished);
  EXPECT_FALSE(stop_->requested());
  ASSERT_TRUE(
      spool_->log().WaitUntilDurable(*stop_, Clock::Real().Now() + std::chrono::seconds(20)));
  EXPECT_EQ(spool_->ledger().captured(), (Progress{Position::EndOf(Lsn{0x30}), Lsn{0x40}}));
}

TEST_F(CaptureSessionTest, StopsWhenTheServerHasSentEverythingBeforeTheGivenLsn) {
  source_.stop_before = Lsn{0x40};
  options_.idle_advance_interval = Duration(0);
  stream_.Data(pgoutput::Begin(0x30));
  Announce();
  stream_.Alive(0x1000);  // Within a transaction it says nothing.
  stream_.Data(pgoutput::Insert(5, {"1", "x"}));
  stream_.Data(pgoutput::Commit(0x30, 0x38));
  stream_.Alive(0x3F);
  stream_.Alive(0x1000);
  stream_.Do([] { FAIL() << "it goes on"; });
  Run();
  ASSERT_TRUE(
      spool_->log().WaitUntilDurable(*stop_, Clock::Real().Now() + std::chrono::seconds(20)));
  EXPECT_EQ(spool_->ledger().captured().position, Position::EndOf(Lsn{0x30}));
  EXPECT_LE(spool_->ledger().captured().end_lsn, Lsn{0x40});
}

TEST_F(CaptureSessionTest, AsksAnIdleServerHowFarItsWalHasComeWhenItIsToStop) {
  source_.stop_before = Lsn{0x40};
  stream_.Silence(Duration(2'000));
  stream_.Alive(0x40);
  stream_.Do([] { FAIL() << "it goes on"; });
  Run();
  ASSERT_FALSE(stream_.statuses.empty());
  EXPECT_TRUE(stream_.statuses.front().request_reply);
}

TEST_F(CaptureSessionTest, EndsWhenTheNextSessionIsSentNothingFromBeforeTheWantedLsn) {
  end_wanted_ = Lsn{0x50};
  options_.idle_advance_interval = std::chrono::hours(1);  // What is noted must be durable first.
  Transaction(0x20, 0x30, 1);
  UntilDurable();
  stream_.Alive(0x60);
  stream_.Silence(Duration(3'000));  // The transaction is not confirmed: it would be sent again.
  UntilDurable();
  stream_.Do([this] { spool_->ledger().SetPublished({Position::EndOf(Lsn{0x20}), Lsn{0x30}}); });
  stream_.Silence(Duration(3'000));
  UntilDurable();  // Idle WAL that was noted meanwhile.
  stream_.Silence(Duration(3'000));
  stream_.Do([] { FAIL() << "it goes on"; });
  EXPECT_EQ(Run(), SessionEnd::kWanted);
  EXPECT_EQ(spool_->ledger().published().end_lsn, Lsn{0x30});
}

TEST_F(CaptureSessionTest, EndsBehindATransactionThatCommitsAtTheWantedLsnOrLater) {
  end_wanted_ = Lsn{0x20};
  Transaction(0x20, 0x30, 1);
  UntilDurable();
  stream_.Silence(Duration(3'000));
  stream_.Do([] { FAIL() << "it goes on"; });
  EXPECT_EQ(Run(), SessionEnd::kWanted);
}

TEST_F(CaptureSessionTest, AsksAnIdleServerHowFarItsWalHasComeWhenItsEndIsWanted) {
  end_wanted_ = Lsn{0x40};
  options_.idle_advance_interval = std::chrono::hours(1);
  stream_.Silence(Duration(2'000));
  stream_.Alive(0x40);
  stream_.Silence(Duration(2'000));
  stream_.Do([] { FAIL() << "it goes on"; });
  EXPECT_EQ(Run(), SessionEnd::kWanted);
  EXPECT_TRUE(stream_.statuses.front().request_reply);
}

TEST_F(CaptureSessionTest, ConfirmsWhatIsPublishedAndNoMore) {
  Transaction(0x20, 0x30, 1);
  Transaction(0x30, 0x40, 1);
  UntilDurable();
  stream_.Silence(Duration(2'000));
  stream_.Do([this] { spool_->ledger().SetPublished({Position::EndOf(Lsn{0x20}), Lsn{0x30}}); });
  stream_.Silence(Duration(2'000));
  Run();
  ASSERT_FALSE(stream_.statuses.empty());
  EXPECT_EQ(stream_.statuses.back().flush, Lsn{0x30});
  EXPECT_GE(stream_.statuses.back().write, Lsn{0x40});
}

TEST_F(CaptureSessionTest, FollowsTheSpoolWhenNoWalMayBeRetained) {
  options_.max_wal_retained_bytes = 0;
  Transaction(0x20, 0x30, 1);
  UntilDurable();
  stream_.Silence(Duration(2'000));
  Run();
  EXPECT_EQ(stream_.statuses.back().flush, Lsn{0x30});
}

TEST_F(CaptureSessionTest, NeverConfirmsBackwardsNorAheadOfTheSpool) {
  options_.max_wal_retained_bytes = 8;
  for (uint64_t at = 0x20; at < 0x200; at += 0x10) {
    Transaction(at, at + 0x10, 1);
    stream_.Alive(at + 0x10 + (at % 3) * 5, (at / 0x10) % 4 == 0);
    if (at % 0x40 == 0) stream_.Silence(Duration(2'000));
  }
  Run();
  Lsn previous{0x10};
  for (const StandbyStatus& status : stream_.statuses) {
    EXPECT_GE(status.flush, previous);
    EXPECT_GE(status.write, status.flush);
    previous = status.flush;
  }
  EXPECT_LE(previous, spool_->ledger().captured().end_lsn);
}

TEST_F(CaptureSessionTest, AnswersAKeepaliveAtOnce) {
  stream_.Alive(0x10, true);
  stream_.Do([this] { EXPECT_EQ(stream_.statuses.size(), 1u); });
  Run();
}

TEST_F(CaptureSessionTest, ReportsEveryTenSecondsAndAsksASilentServer) {
  stream_.Silence(Duration(25'000));
  Run();
  ASSERT_EQ(stream_.statuses.size(), 3u);
  EXPECT_TRUE(stream_.statuses[0].request_reply);
  EXPECT_TRUE(stream_.statuses[1].request_reply);
}

TEST_F(CaptureSessionTest, NotesIdleWalAsCaptured) {
  stream_.Alive(0x80);
  stream_.Silence(Duration(5'000));
  UntilDurable();
  Run();
  EXPECT_EQ(spool_->ledger().captured(), (Progress{Position::EndOf(Lsn{0x0F}), Lsn{0x80}}));
}

TEST_F(CaptureSessionTest, NotesTheWalOfEmptyTransactions) {
  stream_.Data(pgoutput::Begin(0x20));
  stream_.Data(pgoutput::Commit(0x20, 0x30));
  stream_.Silence(Duration(5'000));
  UntilDurable();
  Run();
  EXPECT_EQ(spool_->ledger().captured().end_lsn, Lsn{0x30});
  EXPECT_EQ(Spooled(), 0u);
}

TEST_F(CaptureSessionTest, NeverNotesIdleWalInsideATransaction) {
  stream_.Data(pgoutput::Begin(0x20));
  Announce();
  stream_.Data(pgoutput::Insert(5, {"1", "x"}));
  stream_.Alive(0x90, true);
  stream_.Silence(Duration(20'000));
  Run();
  EXPECT_EQ(spool_->ledger().captured().end_lsn, Lsn{0x10});
  for (const StandbyStatus& status : stream_.statuses) EXPECT_EQ(status.flush, Lsn{0x10});
}

TEST_F(CaptureSessionTest, IgnoresAKeepaliveThatGoesBack) {
  stream_.Alive(0x80);
  stream_.Alive(0x20);
  stream_.Silence(Duration(5'000));
  UntilDurable();
  Run();
  EXPECT_EQ(spool_->ledger().captured().end_lsn, Lsn{0x80});
}

TEST_F(CaptureSessionTest, LeavesAServerThatShutsDownWithoutConfirming) {
  Transaction(0x20, 0x30, 1);
  stream_.Alive(0x38, true);
  stream_.Alive(0x38, true);
  stream_.Do([] { FAIL() << "it goes on"; });
  EXPECT_THROW(Run(), Error);
  EXPECT_TRUE(stream_.finished);
  // What only the spool has stays in PostgreSQL, whatever WalSndDone() waits for.
  EXPECT_EQ(stream_.statuses.back().flush, Lsn{0x10});
}

TEST_F(CaptureSessionTest, StaysWithAServerThatOnlyGivesUpEarlyOnSilentReceivers) {
  options_.status_interval = Duration(300);  // wal_sender_timeout = 900 ms
  for (int i = 0; i < 5; ++i) {
    stream_.Alive(0x38, true);
    stream_.Do([this] { clock_.Advance(Duration(450)); });
  }
  EXPECT_EQ(Run(), SessionEnd::kStopped);
}

TEST_F(CaptureSessionTest, LeavesWhenTheSpoolHasNoRoom) {
  spool_.reset();
  spool_options_.pending_bytes_max = 40;
  spool_options_.min_free_bytes = uint64_t{1} << 60;  // The disk is full.
  spool_ = Spool::Open(spool_options_);
  Transaction(0x20, 0x30, 1);
  stream_.Do([] { FAIL() << "nothing is read"; });
  clock_.SetStep(Duration(1'000));
  EXPECT_EQ(Run(), SessionEnd::kNoRoom);
}

TEST_F(CaptureSessionTest, DropsWhatAnEarlierSessionLeftUnfinished) {
  stream_.Data(pgoutput::Begin(0x20));
  Announce();
  stream_.Data(pgoutput::Insert(5, {"1", "half"}));
  Run();
  stop_.emplace();
  Transaction(0x20, 0x30, 2);
  UntilDurable();
  Run();
  EXPECT_EQ(Spooled(), 2u);
}

TEST_F(CaptureSessionTest, ForgetsRelationsOfAnEarlierConnection) {
  Transaction(0x20, 0x30, 1);
  UntilDurable();
  Run();
  stop_.emplace();
  source_.confirmed_flush = Lsn{0x30};
  stream_.Data(pgoutput::Begin(0x30));
  stream_.Data(pgoutput::Insert(5, {"1", "x"}));
  try {
    Run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kHalt);
    EXPECT_THAT(error.what(), testing::HasSubstr("never announced"));
  }
}

TEST_F(CaptureSessionTest, HasTheNewestTransactionSentAgainBeforeItConfirmsAnything) {
  options_.max_wal_retained_bytes = 0;
  Transaction(0x20, 0x30, 2);
  UntilDurable();
  Run();
  stop_.emplace();
  stream_.statuses.clear();
  stream_.Silence(Duration(12'000));
  stream_.Do([this] {
    ASSERT_FALSE(stream_.statuses.empty());
    for (const StandbyStatus& status : stream_.statuses) EXPECT_EQ(status.flush, Lsn{0x10});
  });
  announced_ = false;
  Transaction(0x20, 0x30, 2);  // Its rows are in the spool already.
  Transaction(0x30, 0x40, 1);
  UntilDurable();
  stream_.Silence(Duration(2'000));
  Run();
  EXPECT_EQ(stream_.started->start_lsn, Lsn{0x20});
  EXPECT_EQ(Spooled(), 3u);
  EXPECT_EQ(stream_.statuses.back().flush, Lsn{0x40});
}

TEST_F(CaptureSessionTest, HaltsWhenTheServerHasAnotherTransactionInItsPlace) {
  Transaction(0x20, 0x30, 2);
  UntilDurable();
  Run();
  stop_.emplace();
  stream_.Data(pgoutput::Begin(0x20, /*xid=*/8));
  try {
    Run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kHaltDatabaseWentBack);
    EXPECT_THAT(error.what(), testing::EndsWith("bottledwater resnapshot"));
  }
  EXPECT_EQ(stream_.statuses.back().flush, Lsn{0x10});
}

// The server has all that was captured, and less idle WAL than was noted.
TEST_F(CaptureSessionTest, TakesWhatCommitsWhereIdleWalWasNoted) {
  options_.max_wal_retained_bytes = 0;
  Transaction(0x20, 0x30, 1);
  stream_.Alive(0x100);
  stream_.Silence(Duration(5'000));
  UntilDurable();
  Run();
  ASSERT_EQ(spool_->ledger().captured().end_lsn, Lsn{0x100});
  stop_.emplace();
  source_.confirmed_flush = Lsn{0x30};
  stream_.statuses.clear();
  announced_ = false;
  Transaction(0x40, 0x50, 1);
  UntilDurable();
  stream_.Silence(Duration(2'000));
  Run();
  EXPECT_EQ(stream_.started->start_lsn, Lsn{0x30});
  EXPECT_EQ(Spooled(), 2u);
  // Not what the spool has noted of the other WAL.
  EXPECT_EQ(stream_.statuses.back().flush, Lsn{0x50});
}

TEST_F(CaptureSessionTest, NamesTheWalPositionOfWhatItCannotDecode) {
  stream_.Data("?");
  try {
    Run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kHalt);
    EXPECT_THAT(error.what(), testing::HasSubstr("WAL position 0/1"));
  }
}

TEST_F(CaptureSessionTest, GoesOnWithoutARefusedRowOnlyWhenToldTo) {
  options_.on_error = OnError::kLog;
  stream_.Data(pgoutput::Begin(0x20));
  Announce();
  stream_.Data(pgoutput::Insert(5, {"not a number", "x"}));
  stream_.Data(pgoutput::Insert(5, {"1", "x"}));
  stream_.Data(pgoutput::Commit(0x20, 0x30));
  UntilDurable();
  Run();
  EXPECT_EQ(figures_.rows_refused, 1u);
  ASSERT_EQ(Spooled(), 1u);
}

TEST_F(CaptureSessionTest, EndsBeforeARefusedRowByDefault) {
  stream_.Data(pgoutput::Begin(0x20));
  Announce();
  stream_.Data(pgoutput::Insert(5, {"not a number", "x"}));
  try {
    Run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kRow);
    EXPECT_THAT(error.what(), testing::HasSubstr("0/20:0"));
  }
  EXPECT_EQ(Spooled(), 0u);
}

}  // namespace
}  // namespace bw
