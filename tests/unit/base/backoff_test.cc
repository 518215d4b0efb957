#include "base/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace bw {
namespace {

TEST(Backoff, DoublesToTheMaximumWithHalfOfItAsJitter) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Backoff backoff({Duration(100), Duration(10'000)}, seed);
    int64_t full = 100;
    for (int i = 0; i < 20; ++i) {
      const int64_t wait = backoff.Next().count();
      EXPECT_GE(wait, full / 2);
      EXPECT_LE(wait, full);
      full = std::min<int64_t>(full * 2, 10'000);
    }
  }
}

TEST(Backoff, StartsOverAfterReset) {
  Backoff backoff({Duration(100), Duration(10'000)}, 1);
  for (int i = 0; i < 10; ++i) backoff.Next();
  backoff.Reset();
  EXPECT_LE(backoff.Next(), Duration(100));
}

TEST(Backoff, NoticesAServerThatIsBackWithinASecondHoweverLongItWasAway) {
  Backoff backoff(Backoff::WhileAway(), 1);
  for (int i = 0; i < 1'000; ++i) EXPECT_LE(backoff.Next(), Duration(1'000));
  EXPECT_GE(backoff.Next(), Duration(500));
}

// Many relays that lost the same server must not come back in step.
TEST(Backoff, DiffersBetweenSeeds) {
  std::set<int64_t> waits;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Backoff backoff({Duration(10'000), Duration(10'000)}, seed);
    waits.insert(backoff.Next().count());
  }
  EXPECT_GT(waits.size(), 10u);
}

}  // namespace
}  // namespace bw
