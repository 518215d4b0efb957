#include "capture/confirm_policy.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

ConfirmFacts Facts(uint64_t previous, uint64_t published, uint64_t captured, uint64_t wal_end,
                   uint64_t max) {
  return {Lsn{previous}, Lsn{captured}, Lsn{published}, Lsn{wal_end}, max};
}

TEST(ConfirmPolicy, FollowsWhatIsPublished) {
  EXPECT_EQ(ConfirmedFlush(Facts(100, 150, 200, 210, 1000)), Lsn{150});
}

TEST(ConfirmPolicy, LetsOnlySoMuchWalPileUp) {
  EXPECT_EQ(ConfirmedFlush(Facts(100, 100, 5000, 5100, 1000)), Lsn{4100});
}

TEST(ConfirmPolicy, NeverPassesTheSpool) {
  EXPECT_EQ(ConfirmedFlush(Facts(100, 900, 500, 9000, 10)), Lsn{500});
  EXPECT_EQ(ConfirmedFlush(Facts(100, 100, 500, 9000, 0)), Lsn{500});
}

TEST(ConfirmPolicy, ZeroFollowsTheSpoolEvenBeforeTheWalEndIsKnown) {
  EXPECT_EQ(ConfirmedFlush(Facts(100, 100, 500, 0, 0)), Lsn{500});
}

TEST(ConfirmPolicy, NeverGoesBack) {
  EXPECT_EQ(ConfirmedFlush(Facts(400, 100, 500, 600, 1000)), Lsn{400});
  for (uint64_t published = 0; published < 40; ++published) {
    for (uint64_t wal_end = 0; wal_end < 60; wal_end += 7) {
      const Lsn confirmed = ConfirmedFlush(Facts(20, published, 30, wal_end, 10));
      EXPECT_GE(confirmed, Lsn{20});
      EXPECT_LE(confirmed, Lsn{30});
    }
  }
}

TEST(ConfirmPolicyDeathTest, RefusesASlotAheadOfTheSpool) {
  EXPECT_DEATH(ConfirmedFlush(Facts(600, 100, 500, 600, 0)), "previous");
}

}  // namespace
}  // namespace bw
