#include "admin/process_figures.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>
#include <string>

namespace bw {
namespace {

TEST(ProcessFigures, AreThoseOfThisProcess) {
  const ProcessFigures figures = ReadProcessFigures();
  ASSERT_TRUE(figures.start_time_seconds && figures.cpu_seconds);
  const auto now = static_cast<double>(std::time(nullptr));
  EXPECT_GT(*figures.start_time_seconds, now - 600);
  EXPECT_LT(*figures.start_time_seconds, now + 2);
  EXPECT_GE(*figures.cpu_seconds, 0);
  EXPECT_LT(*figures.cpu_seconds, 600);
  ASSERT_TRUE(figures.resident_bytes && figures.virtual_bytes);
  EXPECT_GT(*figures.resident_bytes, 1'000'000u);
  EXPECT_GT(*figures.virtual_bytes, *figures.resident_bytes);
}

TEST(ProcessFigures, CountFilesThatAreOpen) {
  const ProcessFigures before = ReadProcessFigures();
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const ProcessFigures after = ReadProcessFigures();
  close(fd);
  ASSERT_TRUE(before.open_fds && after.open_fds && after.max_fds);
  EXPECT_EQ(*after.open_fds, *before.open_fds + 1);
  EXPECT_GT(*after.max_fds, *after.open_fds);
}

TEST(ProcessFigures, CpuSecondsGrowAndTheStartStays) {
  const ProcessFigures before = ReadProcessFigures();
  const std::clock_t end = std::clock() + CLOCKS_PER_SEC / 20;
  while (std::clock() < end) {
  }
  const ProcessFigures after = ReadProcessFigures();
  EXPECT_GT(*after.cpu_seconds, *before.cpu_seconds);
  EXPECT_EQ(*after.start_time_seconds, *before.start_time_seconds);
}

}  // namespace
}  // namespace bw
