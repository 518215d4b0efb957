#include "options/exit_code_table.h"

#include <gtest/gtest.h>

#include <set>

namespace bw {
namespace {

// The switch fails to compile (with a warning) when a code is added; then the table needs a row.
TEST(ExitCodeTable, HasEveryCodeOnceInAscendingOrder) {
  std::set<int> codes;
  for (const ExitCodeMeaning& row : ExitCodeTable()) {
    switch (row.code) {
      case ExitCode::kOk:
      case ExitCode::kNoRelay:
      case ExitCode::kUsage:
      case ExitCode::kRowRefused:
      case ExitCode::kUnkeyedTables:
      case ExitCode::kLoginRefused:
      case ExitCode::kServerSetting:
      case ExitCode::kMissingRight:
      case ExitCode::kInternal:
      case ExitCode::kAnotherRelay:
      case ExitCode::kSpoolUnusable:
      case ExitCode::kTryAgain:
      case ExitCode::kHaltGap:
      case ExitCode::kHaltSlot:
      case ExitCode::kHaltForeignSlot:
      case ExitCode::kHaltKafka:
      case ExitCode::kHaltOtherDatabase:
      case ExitCode::kHaltDatabaseWentBack:
      case ExitCode::kHaltRegistry:
        break;
    }
    EXPECT_TRUE(codes.empty() || *codes.rbegin() < static_cast<int>(row.code));
    codes.insert(static_cast<int>(row.code));
  }
  EXPECT_EQ(codes.size(), 19u);
}

}  // namespace
}  // namespace bw
