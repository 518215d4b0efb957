#include "base/stop.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

namespace bw {
namespace {

bool Readable(int fd) {
  pollfd descriptor{fd, POLLIN, 0};
  return poll(&descriptor, 1, 0) == 1;
}

TEST(Stop, IsNotRequestedAtFirst) {
  const Stop stop;
  EXPECT_FALSE(stop.requested());
  EXPECT_FALSE(Readable(stop.fd()));
  EXPECT_FALSE(stop.WaitFor(Duration(0)));
  EXPECT_FALSE(stop.WaitFor(Duration(1)));
}

TEST(Stop, StaysRequested) {
  Stop stop;
  stop.Request();
  stop.Request();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(stop.requested());
    EXPECT_TRUE(Readable(stop.fd()));
    // Would take a day otherwise.
    EXPECT_TRUE(stop.WaitFor(std::chrono::hours(24)));
  }
}

TEST(Stop, WakesEveryWaitThatIsGoingOn) {
  Stop stop;
  std::thread by_wait([&] { EXPECT_TRUE(stop.WaitFor(std::chrono::hours(24))); });
  std::thread by_poll([&] {
    pollfd descriptor{stop.fd(), POLLIN, 0};
    EXPECT_EQ(poll(&descriptor, 1, -1), 1);
  });
  stop.Request();
  by_wait.join();
  by_poll.join();
}

TEST(Stop, OfAPartIsRequestedWithTheWhole) {
  Stop whole;
  const Stop part(&whole);
  const Stop part_of_part(&part);
  EXPECT_FALSE(part_of_part.WaitFor(Duration(1)));
  std::thread waiter([&] { EXPECT_TRUE(part_of_part.WaitFor(std::chrono::hours(24))); });
  whole.Request();
  waiter.join();
  EXPECT_TRUE(part_of_part.requested());
  EXPECT_TRUE(Readable(part_of_part.fd()));
}

TEST(Stop, OfAPartLeavesTheWhole) {
  const Stop whole;
  Stop part(&whole);
  part.Request();
  EXPECT_TRUE(part.WaitFor(std::chrono::hours(24)));
  EXPECT_FALSE(whole.requested());
  EXPECT_FALSE(Readable(whole.fd()));
}

}  // namespace
}  // namespace bw
