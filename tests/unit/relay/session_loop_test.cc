#include "relay/session_loop.h"

#include <gtest/gtest.h>

#include <vector>

namespace bw {
namespace {

// Time passes only when somebody waits; threads and condition variables are not needed here.
class FakeTime : public Clock {
 public:
  TimePoint Now() override { return now_; }
  int64_t WallMicros() override { return 0; }
  bool WaitUntil(std::unique_lock<std::mutex>*, std::condition_variable*, TimePoint,
                 const std::function<bool()>& done) override {
    return done();
  }
  void SleepUntil(TimePoint deadline, const Stop&) override { now_ = deadline; }
  std::unique_ptr<Thread> Start(std::function<void()>) override { return nullptr; }

  void Pass(Duration duration) { now_ += duration; }

 private:
  TimePoint now_;
};

class SessionLoopTest : public testing::Test {
 protected:
  void SetUp() override { spdlog::set_level(spdlog::level::off); }
  void TearDown() override { spdlog::set_level(spdlog::level::info); }

  SessionLoop MakeLoop() {
    return SessionLoop({.server = "Kafka",
                        .wait =
                            [this](Duration duration) {
                              if (duration > Duration(0)) waits_.push_back(duration);
                              time_.Pass(duration);
                              return stopped_;
                            },
                        .clock = &time_,
                        .backoff = Backoff({Duration(100), Duration(10'000)}, 7),
                        .health = &health_});
  }
  // Fails for good once a test's loop does not end.
  void CountSession() {
    ASSERT_LT(++sessions_, 10'000);
    if (sessions_ >= 9'999) stopped_ = true;
  }

  FakeTime time_;
  SideHealth health_;
  std::vector<Duration> waits_;
  bool stopped_ = false;
  int sessions_ = 0;
};

TEST_F(SessionLoopTest, EndsWhenAStopIsRequested) {
  SessionLoop loop = MakeLoop();
  const auto exit = loop.Run([&](const auto&) {
    CountSession();
    stopped_ = true;
  });
  EXPECT_FALSE(exit);
  EXPECT_EQ(sessions_, 1);
}

TEST_F(SessionLoopTest, RunsNoSessionAfterAStop) {
  stopped_ = true;
  EXPECT_FALSE(MakeLoop().Run([&](const auto&) { CountSession(); }));
  EXPECT_EQ(sessions_, 0);
}

TEST_F(SessionLoopTest, BacksOffLongerAndLongerWhileAServerIsAway) {
  SessionLoop loop = MakeLoop();
  loop.Run([&](const auto&) {
    CountSession();
    if (sessions_ == 30) stopped_ = true;
    throw TransientError("connection refused");
  });
  ASSERT_EQ(waits_.size(), 30u);
  EXPECT_LE(waits_[0], Duration(100));
  EXPECT_GE(waits_[29], Duration(5'000));
  EXPECT_LE(waits_[29], Duration(10'000));
}

TEST_F(SessionLoopTest, ARefusalIsNoOutageAndIsRetriedLessOften) {
  SessionLoop loop = MakeLoop();
  std::vector<Trouble> troubles;
  loop.Run([&](const auto&) {
    CountSession();
    troubles = health_.troubles.List();
    if (sessions_ == 8) stopped_ = true;
    throw TransientError("replication factor of 3 cannot be reached").AsRefusal("-T replication=1");
  });
  ASSERT_EQ(troubles.size(), 1u);
  EXPECT_EQ(troubles[0].kind, TroubleKind::kRefuses);
  EXPECT_EQ(troubles[0].remedy, "-T replication=1");
  EXPECT_GE(waits_.at(0), Duration(500));
  EXPECT_GE(waits_.at(6), Duration(15'000));
}

TEST_F(SessionLoopTest, AfterASessionThatRestedNothingIsSaidOfItsServer) {
  SessionLoop loop = MakeLoop();
  loop.Run([&](const auto&) {
    CountSession();
    if (sessions_ == 1) throw TransientError("connection refused");
    if (sessions_ == 2) {
      EXPECT_EQ(health_.troubles.List().size(), 1u);
      return;
    }
    EXPECT_TRUE(health_.troubles.List().empty());
    stopped_ = true;
  });
}

TEST_F(SessionLoopTest, StartsTheBackoffOverAfterProgress) {
  SessionLoop loop = MakeLoop();
  loop.Run([&](const auto& made_progress) {
    CountSession();
    if (sessions_ == 10) {
      made_progress();
      time_.Pass(Duration(2'000));
    }
    if (sessions_ == 11) stopped_ = true;
    throw TransientError("connection lost");
  });
  ASSERT_GE(waits_.size(), 10u);
  EXPECT_GE(waits_[8], Duration(5'000));
  EXPECT_LE(waits_[9], Duration(100));
}

TEST_F(SessionLoopTest, BacksOffFromSessionsThatWorkAndFailAtOnce) {
  SessionLoop loop = MakeLoop();
  loop.Run([&](const auto& made_progress) {
    CountSession();
    made_progress();
    if (sessions_ == 10) stopped_ = true;
    throw TransientError("no connection is left for the catalog");
  });
  ASSERT_GE(waits_.size(), 9u);
  EXPECT_GE(waits_[8], Duration(5'000));
}

TEST_F(SessionLoopTest, StartsTheNextSessionAtOnceAfterOneThatWorkedAndReturned) {
  SessionLoop loop = MakeLoop();
  loop.Run([&](const auto& made_progress) {
    CountSession();
    made_progress();
    if (sessions_ == 5) stopped_ = true;
  });
  EXPECT_TRUE(waits_.empty());
}

TEST_F(SessionLoopTest, DoesNotSpinOnSessionsThatReturnWithoutProgress) {
  SessionLoop loop = MakeLoop();
  loop.Run([&](const auto&) {
    CountSession();
    if (sessions_ == 5) stopped_ = true;
  });
  EXPECT_EQ(waits_.size(), 5u);
}

TEST_F(SessionLoopTest, ExitsWithTheCodeAndMessageOfAHalt) {
  SessionLoop loop = MakeLoop();
  const auto exit = loop.Run([&](const auto&) {
    CountSession();
    throw Error(ErrorKind::kHalt, "the gap", ExitCode::kHaltGap);
  });
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->exit_code, ExitCode::kHaltGap);
  EXPECT_EQ(exit->message, "the gap");
  EXPECT_EQ(sessions_, 1);
}

TEST_F(SessionLoopTest, WaitsOutAPasswordThatIsBeingRotated) {
  SessionLoop loop = MakeLoop();
  const auto exit = loop.Run([&](const auto& made_progress) {
    CountSession();
    if (sessions_ == 1) made_progress();
    if (sessions_ == 500) stopped_ = true;
    throw Error(ErrorKind::kHalt, "wrong password", ExitCode::kLoginRefused);
  });
  EXPECT_FALSE(exit);
  EXPECT_EQ(sessions_, 500);
}

TEST_F(SessionLoopTest, WaitsTwoMinutesForASlotThatStaysBusy) {
  SessionLoop loop = MakeLoop();
  const TimePoint begin = time_.Now();
  const auto exit = loop.Run([&](const auto& made_progress) {
    CountSession();
    if (sessions_ == 1) {
      made_progress();
      throw TransientError("connection cut");
    }
    throw Error(ErrorKind::kHalt, "slot is active", ExitCode::kAnotherRelay);
  });
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->exit_code, ExitCode::kAnotherRelay);
  EXPECT_GE(time_.Now() - begin, std::chrono::minutes(2));
  EXPECT_LE(time_.Now() - begin, std::chrono::minutes(3));
}

TEST_F(SessionLoopTest, ExitsAtTheThirdFencingWithinTenMinutes) {
  SessionLoop loop = MakeLoop();
  const auto exit = loop.Run([&](const auto& made_progress) {
    CountSession();
    made_progress();
    throw Error(ErrorKind::kFenced, "fenced");
  });
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->exit_code, ExitCode::kAnotherRelay);
  EXPECT_EQ(sessions_, 3);
}

TEST_F(SessionLoopTest, GoesOnWhenFencingsAreFarApart) {
  SessionLoop loop = MakeLoop();
  const auto exit = loop.Run([&](const auto& made_progress) {
    CountSession();
    made_progress();
    time_.Pass(std::chrono::minutes(6));
    if (sessions_ == 50) stopped_ = true;
    throw Error(ErrorKind::kFenced, "fenced");
  });
  EXPECT_FALSE(exit);
}

// A transaction that PostgreSQL cannot send: connections work, and parts of it arrive.
TEST_F(SessionLoopTest, TriesEverMoreRarelyWhereItFailsAgainAndAgain) {
  SessionLoop loop = MakeLoop();
  loop.Run([&](const auto&) {
    CountSession();
    if (sessions_ == 30) stopped_ = true;
    // A server that crashed there and comes back is no other place.
    if (sessions_ % 2 == 0) throw TransientError("connection refused");
    throw TransientError("cannot send it").At("transaction 0/10", "Skip it");
  });
  EXPECT_GE(waits_[28], Duration(300'000));  // Of session 29, the 15th at that place.
  EXPECT_LE(waits_[28], Duration(600'000));
}

TEST_F(SessionLoopTest, AnotherPlaceEndsBeingStuckAndFramesBeforeThatDoNot) {
  SessionLoop loop = MakeLoop();
  loop.Run([&](const auto& made_progress) {
    CountSession();
    if (sessions_ == 20) stopped_ = true;
    made_progress();
    throw TransientError("cannot send it").At(sessions_ <= 17 ? "transaction 0/10" : "0/20", "");
  });
  EXPECT_LT(waits_[1], Duration(1'000));
  EXPECT_GE(waits_[2], Duration(2'500));
  EXPECT_GE(waits_[16], Duration(2'500));
  EXPECT_LT(waits_[17], Duration(10'000));
}

TEST_F(SessionLoopTest, TakesAnUnexpectedExceptionForADefect) {
  SessionLoop loop = MakeLoop();
  const auto exit = loop.Run([&](const auto&) {
    CountSession();
    throw std::out_of_range("vector");
  });
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->exit_code, ExitCode::kInternal);
}

}  // namespace
}  // namespace bw
