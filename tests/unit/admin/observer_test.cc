#include "admin/observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/byte_size.h"

namespace bw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ObserverTest : public testing::Test {
 protected:
  ObserverTest() {
    status_.capture.working = status_.publish.working = true;
    status_.spool.room_bytes = kGiB;
  }
  // The same status, this much later.
  Observation After(int seconds) {
    for (int second = 1; second < seconds; ++second) Pass();
    return Pass();
  }
  Observation Pass() {
    status_.time += std::chrono::seconds(1);
    status_.wall_us += 1'000'000;
    if (each_second_) each_second_();
    return observer_.Observe(status_);
  }
  void Append(uint64_t bytes) {
    ++status_.capture.appended;
    status_.capture.appended_bytes += bytes;
  }
  void HaveBacklog(uint64_t changes) {
    status_.spool.backlog = changes;
    status_.spool.lag = Duration(1'000);
  }

  RelayStatus status_;
  std::function<void()> each_second_;
  Observer observer_{std::chrono::seconds(60)};
};

TEST_F(ObserverTest, AnIdleRelayIsReadyForEver) {
  const Observation idle = After(1'000);
  EXPECT_THAT(idle.stalls, IsEmpty());
  EXPECT_EQ(idle.captured_per_second, 0);
  EXPECT_FALSE(idle.seconds_until_spool_full);
  EXPECT_FALSE(idle.seconds_until_drained);
}

TEST_F(ObserverTest, AHeldTablePutsPublishingAtRiskAndFillsTheSpool) {
  status_.publish.figures.held = {{{"public", "big"}, Position::EndOf(Lsn{16}), "too large"}};
  each_second_ = [this] {
    ++status_.capture.changes;
    ++status_.publish.figures.changes;  // Of other tables, whose changes are not trimmed either.
    Append(kMiB);
  };
  const Observation seen = After(60);
  ASSERT_EQ(seen.status.publish.troubles.size(), 1u);
  const Trouble& trouble = seen.status.publish.troubles.front();
  EXPECT_EQ(trouble.kind, TroubleKind::kAtRisk);
  EXPECT_THAT(trouble.what, testing::AllOf(HasSubstr("public.big"), HasSubstr("too large")));
  EXPECT_THAT(trouble.remedy, HasSubstr("bottledwater resume"));
  EXPECT_THAT(seen.stalls, IsEmpty());
  ASSERT_TRUE(seen.seconds_until_spool_full);
  EXPECT_NEAR(*seen.seconds_until_spool_full, 1024, 100);
}

TEST_F(ObserverTest, RatesAreThoseOfTheLastTenSeconds) {
  After(100);
  each_second_ = [this] { status_.capture.changes += 50; };
  EXPECT_NEAR(*After(5).captured_per_second, 25, 1);
  EXPECT_NEAR(*After(5).captured_per_second, 50, 1);
}

TEST_F(ObserverTest, PublishingIsStalledOnlyWithWorkAndWithoutProgress) {
  After(100);
  HaveBacklog(10);
  EXPECT_THAT(After(60).stalls, IsEmpty());
  EXPECT_THAT(After(1).stalls, ElementsAre(HasSubstr("publish has not advanced for")));
  Trouble away;
  away.what = "Kafka (broker:9092) is away";
  away.since_us = 1;
  status_.publish.troubles.push_back(away);
  EXPECT_THAT(After(1).stalls, ElementsAre(HasSubstr("Kafka (broker:9092) is away")));
  ++status_.publish.figures.messages;  // Within a split transaction, the position stays.
  EXPECT_THAT(After(1).stalls, IsEmpty());
  EXPECT_THAT(After(60).stalls, testing::SizeIs(1));
  status_.spool.lag.reset();
  EXPECT_THAT(After(1).stalls, IsEmpty());
}

TEST_F(ObserverTest, CaptureIsStalledWhenItDoesNotStreamUnlessASnapshotAdvances) {
  status_.capture.working = false;
  each_second_ = [this] { ++status_.capture.snapshot_rows; };
  EXPECT_THAT(After(200).stalls, IsEmpty());
  each_second_ = nullptr;
  EXPECT_THAT(After(61).stalls, ElementsAre(HasSubstr("capture has not advanced")));
  status_.capture.paused = true;
  EXPECT_THAT(After(1).stalls, ElementsAre(HasSubstr("paused by an operator")));
}

TEST_F(ObserverTest, CaptureIsStalledWhenTheServerHasMoreAndNothingArrives) {
  status_.capture.server_read = Lsn{200};
  status_.capture.captured = Lsn{100};
  EXPECT_THAT(After(61).stalls, testing::SizeIs(1));
  status_.capture.captured = Lsn{200};
  EXPECT_THAT(After(1).stalls, IsEmpty());
}

TEST_F(ObserverTest, SaysWhenTheSpoolWillBeFull) {
  status_.publish.working = false;
  each_second_ = [this] { Append(kMiB); };
  EXPECT_FALSE(After(2).seconds_until_spool_full);
  EXPECT_NEAR(*After(8).seconds_until_spool_full, 1'024, 1);
  each_second_ = nullptr;
  EXPECT_FALSE(After(181).seconds_until_spool_full);
}

TEST_F(ObserverTest, TheForecastDoesNotFollowTheSizeOfTheFiles) {
  status_.publish.working = false;
  each_second_ = [this] {
    Append(kMiB);
    status_.spool.bytes = status_.wall_us % 7'000'000 == 0 ? 0 : 64 * kMiB;
  };
  After(10);
  for (int second = 0; second < 60; ++second) {
    EXPECT_NEAR(*After(1).seconds_until_spool_full, 1'024, 1);
  }
}

TEST_F(ObserverTest, ASpoolThatKafkaKeepsUpWithIsNeverSoonFull) {
  HaveBacklog(100);
  each_second_ = [this] { Append(kMiB); };
  for (int second = 0; second < 60; ++second) EXPECT_FALSE(After(1).seconds_until_spool_full);
  status_.spool.lag = Duration(10'000);
  EXPECT_NEAR(*After(1).seconds_until_spool_full, 1'024, 1);
  each_second_ = [this] {
    Append(kMiB);
    status_.publish.figures.changes += 2;  // It is being drained.
  };
  EXPECT_FALSE(After(20).seconds_until_spool_full);
}

TEST_F(ObserverTest, AFirstSnapshotHasAForecastAndItsOwnRemedy) {
  status_.spool.phase = SpoolPhase::kFirstStart;
  status_.publish.working = false;
  each_second_ = [this] { Append(kMiB); };
  EXPECT_NEAR(*After(10).seconds_until_spool_full, 1'024, 1);
  status_.spool.obstacle = "the disk is full";
  const Observation full = Pass();
  EXPECT_EQ(full.seconds_until_spool_full, 0);
  ASSERT_THAT(full.status.capture.troubles, testing::SizeIs(1));
  EXPECT_EQ(full.status.capture.troubles[0].kind, TroubleKind::kWaits);
  EXPECT_THAT(full.status.capture.troubles[0].remedy, HasSubstr("before the snapshot is complete"));
  status_.spool.phase = SpoolPhase::kStreaming;
  EXPECT_THAT(Pass().status.capture.troubles[0].remedy,
              testing::Not(HasSubstr("--spool-max-bytes")));
  status_.spool.max_bytes = kGiB;
  EXPECT_THAT(Pass().status.capture.troubles[0].remedy, HasSubstr("--spool-max-bytes"));
}

TEST_F(ObserverTest, ASlotBeyondItsLimitIsATroubleAndSoIsALostOne) {
  status_.capture.has_wal_limit = true;
  status_.capture.safe_wal_bytes = 5;
  EXPECT_THAT(Pass().status.capture.troubles, IsEmpty());
  status_.capture.safe_wal_bytes = -static_cast<int64_t>(16 * kMiB);
  const int64_t first = status_.wall_us + 1'000'000;
  After(5);
  const Observation beyond = Pass();
  ASSERT_THAT(beyond.status.capture.troubles, testing::SizeIs(1));
  EXPECT_THAT(beyond.status.capture.troubles[0].what, HasSubstr("beyond the limit by 16 MiB"));
  EXPECT_EQ(beyond.status.capture.troubles[0].kind, TroubleKind::kAtRisk);
  EXPECT_EQ(beyond.status.capture.troubles[0].since_us, first);
  // The loss has its own beginning, also after a time in which nobody could look.
  status_.capture.safe_wal_bytes.reset();
  status_.capture.slot_status = "lost";
  const int64_t lost = status_.wall_us + 1'000'000;
  Pass();
  status_.capture.slot_status = "";
  EXPECT_THAT(Pass().status.capture.troubles, IsEmpty());
  status_.capture.slot_status = "lost";
  const std::vector<Trouble> troubles = Pass().status.capture.troubles;
  ASSERT_THAT(troubles, testing::SizeIs(1));
  EXPECT_THAT(troubles[0].what, HasSubstr("has given up the slot"));
  EXPECT_EQ(troubles[0].since_us, lost);
}

TEST_F(ObserverTest, WalThatIsNotCapturedIsLagFromTheTimeItIsThere) {
  EXPECT_FALSE(Pass().capture_lag_bytes);  // Nobody can look.
  status_.capture.has_wal_limit = false;
  status_.capture.captured = Lsn{kGiB};
  status_.capture.server_end = Lsn{kGiB + kMiB};  // As an idle database leaves it.
  EXPECT_EQ(Pass().capture_lag_bytes, 0U);
  status_.capture.server_end = Lsn{kGiB + 100 * kMiB};
  EXPECT_EQ(Pass().capture_lag_bytes, 100 * kMiB);
  EXPECT_NEAR(*After(30).capture_lag_seconds, 30, 0.1);
  EXPECT_THAT(After(31).stalls, ElementsAre(HasSubstr("capture has not advanced")));
  // More was written later: the lag is the age of what is still not captured.
  status_.capture.server_end = Lsn{kGiB + 300 * kMiB};
  After(10);
  status_.capture.captured = Lsn{kGiB + 150 * kMiB};
  EXPECT_NEAR(*Pass().capture_lag_seconds, 10, 0.1);
  status_.capture.captured = status_.capture.server_end;
  EXPECT_EQ(Pass().capture_lag_seconds, 0);
}

TEST_F(ObserverTest, SaysWhenTheBacklogWillBeDrained) {
  HaveBacklog(6'000);
  each_second_ = [this] {
    status_.capture.changes += 100;
    status_.publish.figures.changes += 400;
  };
  EXPECT_NEAR(*After(20).seconds_until_drained, 20, 1);
  each_second_ = [this] { status_.capture.changes += 100; };
  EXPECT_FALSE(After(20).seconds_until_drained);
}

TEST_F(ObserverTest, TheSecondsOfAnOutageDoNotSlowDownTheEstimateOfTheDrain) {
  HaveBacklog(30'000);
  After(30);
  each_second_ = [this] { status_.publish.figures.changes += 1'000; };
  EXPECT_FALSE(After(1).seconds_until_drained);
  EXPECT_NEAR(*After(2).seconds_until_drained, 30, 1);
}

TEST_F(ObserverTest, AFullSpoolIsATroubleSinceItWasSeenFirst) {
  After(3);
  status_.spool.obstacle = "the disk is full";
  const int64_t first = status_.wall_us + 1'000'000;
  After(5);
  const Observation full = Pass();
  ASSERT_THAT(full.status.capture.troubles, testing::SizeIs(1));
  EXPECT_THAT(full.status.capture.troubles[0].what, HasSubstr("the disk is full"));
  EXPECT_EQ(full.status.capture.troubles[0].since_us, first);
  status_.spool.obstacle.clear();
  EXPECT_THAT(Pass().status.capture.troubles, IsEmpty());
}

}  // namespace
}  // namespace bw
