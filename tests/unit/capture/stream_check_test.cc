#include "capture/stream_check.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace bw {
namespace {

class StreamCheckTest : public testing::Test {
 protected:
  StreamCheckTest() {
    view_.identity = {"123", 1, Lsn{1000}, "db", 150000, false, {}};
    SlotState slot;
    slot.name = "bottledwater";
    slot.plugin = "pgoutput";
    slot.database = "db";
    slot.confirmed_flush = Lsn{400};
    view_.slot = slot;
    spool_.phase = SpoolPhase::kStreaming;
    spool_.source = {"123", "db", "bottledwater", 1};
    spool_.captured = {Position::EndOf(Lsn{490}), Lsn{500}};
  }
  ExitCode Check() {
    try {
      RequireStreamable(view_, spool_);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kHalt);
      return error.exit_code();
    }
    return ExitCode::kOk;
  }
  ServerView view_;
  SpoolState spool_;
};

TEST_F(StreamCheckTest, AcceptsASlotBehindTheSpool) {
  EXPECT_EQ(Check(), ExitCode::kOk);
  view_.slot->confirmed_flush = Lsn{500};
  EXPECT_EQ(Check(), ExitCode::kOk);
}

TEST_F(StreamCheckTest, HaltsOnAGap) {
  view_.slot->confirmed_flush = Lsn{501};
  EXPECT_EQ(Check(), ExitCode::kHaltGap);
}

TEST_F(StreamCheckTest, HaltsWithoutAUsableSlot) {
  view_.slot->wal_status = "lost";
  EXPECT_EQ(Check(), ExitCode::kHaltSlot);
  view_.slot->wal_status = "reserved";
  view_.slot->plugin = "test_decoding";
  EXPECT_EQ(Check(), ExitCode::kHaltForeignSlot);
  view_.slot.reset();
  EXPECT_EQ(Check(), ExitCode::kHaltSlot);
}

TEST_F(StreamCheckTest, HaltsOnAnotherDatabase) {
  view_.identity.system_identifier = "124";
  EXPECT_EQ(Check(), ExitCode::kHaltOtherDatabase);
}

TEST_F(StreamCheckTest, HaltsWhenTheDatabaseWentBack) {
  view_.identity.wal_end = Lsn{499};
  EXPECT_EQ(Check(), ExitCode::kHaltDatabaseWentBack);
}

TEST_F(StreamCheckTest, FollowsAFailoverBehindWhatWasCaptured) {
  view_.identity.timeline = 2;
  view_.identity.history = {{1, Lsn{500}}};
  EXPECT_EQ(Check(), ExitCode::kOk);
  view_.identity.history = {{1, Lsn{499}}};
  EXPECT_EQ(Check(), ExitCode::kHaltDatabaseWentBack);
  view_.identity.history = {};
  EXPECT_EQ(Check(), ExitCode::kHaltDatabaseWentBack);
}

}  // namespace
}  // namespace bw
