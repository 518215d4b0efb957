#include <gtest/gtest.h>

#include "preflight/preflight.h"

namespace bw {
namespace {

Finding Bad(ExitCode code) { return {Verdict::kBad, "Kafka", "x", code}; }

TEST(ExitCodeOf, IsThatOfTheFirstFindingWithWhichTheRelayEnds) {
  const Finding doubtful{Verdict::kDoubtful, "Kafka", "x", ExitCode::kOk};
  EXPECT_EQ(ExitCodeOf({}), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf({doubtful}), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf({doubtful, Bad(ExitCode::kTryAgain)}), ExitCode::kTryAgain);
  EXPECT_EQ(ExitCodeOf({Bad(ExitCode::kTryAgain), Bad(ExitCode::kUsage),
                        Bad(ExitCode::kMissingRight), Bad(ExitCode::kTryAgain)}),
            ExitCode::kUsage);
}

}  // namespace
}  // namespace bw
