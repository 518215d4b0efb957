#include "relay/backlog_count.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

TEST(BacklogCount, IsEstimatedOnceAndExactAfterTheSpoolWasEmpty) {
  BacklogCount backlog;
  int estimates = 0;
  const auto estimate = [&]() -> uint64_t {
    ++estimates;
    return 1'000;
  };
  EXPECT_EQ(backlog.Update({.captured = 0, .published = 0, .empty = false}, estimate), 1'000U);
  EXPECT_EQ(backlog.Update({.captured = 50, .published = 200, .empty = false}, estimate), 850U);
  // The estimate was too low: something is there nevertheless.
  EXPECT_EQ(backlog.Update({.captured = 50, .published = 1'100, .empty = false}, estimate), 1U);
  EXPECT_EQ(backlog.Update({.captured = 50, .published = 1'200, .empty = true}, estimate), 0U);
  EXPECT_EQ(backlog.Update({.captured = 70, .published = 1'200, .empty = false}, estimate), 20U);
  EXPECT_EQ(estimates, 1);
}

TEST(BacklogCount, IsEstimatedAgainWhenPublishingHasStartedOver) {
  BacklogCount backlog;
  const auto seven = [] { return uint64_t{7}; };
  backlog.Update({.captured = 100, .published = 100, .empty = true}, seven);
  EXPECT_EQ(backlog.Update({.captured = 110, .published = 0, .empty = false}, seven), 7U);
}

}  // namespace
}  // namespace bw
