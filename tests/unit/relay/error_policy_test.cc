#include "relay/error_policy.h"

#include <gtest/gtest.h>

#include "options/exit_code_table.h"

namespace bw {
namespace {

using Kind = ErrorAction::Kind;

TEST(ErrorPolicy, WaitsForEverForWhatIsTransient) {
  for (const auto history : {SessionHistory::kNeverWorked, SessionHistory::kWorkedBefore}) {
    const ErrorAction action = ActionFor(ErrorKind::kTransient, ExitCode::kInternal, history);
    EXPECT_EQ(action.kind, Kind::kRetry);
    EXPECT_EQ(action.give_up_after, std::nullopt);
    EXPECT_EQ(action.give_up_often, 0);
  }
}

TEST(ErrorPolicy, EndsAtOnceWhenAServerSaysNoAtTheStart) {
  for (const ExitCode code : {ExitCode::kLoginRefused, ExitCode::kServerSetting,
                              ExitCode::kMissingRight, ExitCode::kAnotherRelay}) {
    const ErrorAction at_start = ActionFor(ErrorKind::kHalt, code, SessionHistory::kNeverWorked);
    EXPECT_EQ(at_start.kind, Kind::kExit);
    EXPECT_EQ(at_start.exit_code, code);
    EXPECT_EQ(ActionFor(ErrorKind::kHalt, code, SessionHistory::kWorkedBefore).kind, Kind::kRetry);
  }
}

TEST(ErrorPolicy, NeverRetriesAHaltThatNeedsADecision) {
  for (const ExitCodeMeaning& row : ExitCodeTable()) {
    const bool may_pass =
        row.code == ExitCode::kLoginRefused || row.code == ExitCode::kServerSetting ||
        row.code == ExitCode::kMissingRight || row.code == ExitCode::kAnotherRelay;
    if (may_pass) continue;
    const ErrorAction action = ActionFor(ErrorKind::kHalt, row.code, SessionHistory::kWorkedBefore);
    EXPECT_EQ(action.kind, Kind::kExit) << row.meaning;
    EXPECT_EQ(action.exit_code, row.code);
  }
}

TEST(ErrorPolicy, DoesNotFightAnotherRelay) {
  EXPECT_EQ(ActionFor(ErrorKind::kHalt, ExitCode::kAnotherRelay, SessionHistory::kWorkedBefore)
                .give_up_after,
            std::chrono::minutes(2));
  const ErrorAction fenced =
      ActionFor(ErrorKind::kFenced, ExitCode::kInternal, SessionHistory::kWorkedBefore);
  EXPECT_EQ(fenced.kind, Kind::kRetry);
  EXPECT_EQ(fenced.give_up_often, 3);
  EXPECT_EQ(fenced.exit_code, ExitCode::kAnotherRelay);
}

TEST(ErrorPolicy, ARowOrUsageErrorThatGetsHereExits) {
  EXPECT_EQ(ActionFor(ErrorKind::kRow, ExitCode::kRowRefused, SessionHistory::kWorkedBefore).kind,
            Kind::kExit);
  EXPECT_EQ(ActionFor(ErrorKind::kUsage, ExitCode::kUsage, SessionHistory::kWorkedBefore).kind,
            Kind::kExit);
}

}  // namespace
}  // namespace bw
