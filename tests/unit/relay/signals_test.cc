#include "relay/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

namespace bw {
namespace {

// Each in a process of its own: handlers stay installed.
class SignalsDeathTest : public testing::Test {
 protected:
  SignalsDeathTest() { testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(SignalsDeathTest, TheFirstRequestsAStop) {
  EXPECT_EXIT(
      {
        Stop stop;
        InstallSignalHandlers(&stop);
        raise(SIGTERM);
        std::_Exit(stop.WaitFor(std::chrono::hours(1)) ? 42 : 1);
      },
      testing::ExitedWithCode(42), "");
}

TEST_F(SignalsDeathTest, TheSecondEndsTheProcess) {
  EXPECT_EXIT(
      {
        Stop stop;
        InstallSignalHandlers(&stop);
        raise(SIGINT);
        raise(SIGTERM);
        std::_Exit(1);
      },
      testing::ExitedWithCode(128 + SIGTERM), "");
}

TEST_F(SignalsDeathTest, ABrokenPipeIsOnlyAnError) {
  EXPECT_EXIT(
      {
        Stop stop;
        InstallSignalHandlers(&stop);
        int ends[2];
        if (pipe(ends) != 0) std::_Exit(1);
        close(ends[0]);
        std::_Exit(write(ends[1], "x", 1) == -1 ? 42 : 1);
      },
      testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace bw
