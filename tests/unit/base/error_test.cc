#include "base/error.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random_id.h"

namespace bw {
namespace {

TEST(Error, EachKindHasItsExitCode) {
  EXPECT_EQ(UsageError("x").exit_code(), ExitCode::kUsage);
  EXPECT_EQ(RowError("x").exit_code(), ExitCode::kRowRefused);
  EXPECT_EQ(TransientError("x").exit_code(), ExitCode::kTryAgain);
  EXPECT_EQ(Error(ErrorKind::kHalt, "x", ExitCode::kHaltGap).exit_code(), ExitCode::kHaltGap);
  EXPECT_STREQ(ToString(ErrorKind::kFenced), "fenced");
}

TEST(ErrorDeathTest, CheckNamesWhatDidNotHold) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(BW_CHECK(1 + 1 == 3), "check failed: 1 \\+ 1 == 3");
}

TEST(RandomId, Is32HexDigitsAndNeverTheSame) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = RandomId();
    EXPECT_EQ(id.size(), 32u);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000u);
}

}  // namespace
}  // namespace bw
