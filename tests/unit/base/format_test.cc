#include "base/format.h"

#include <gtest/gtest.h>

#include "base/byte_size.h"

namespace bw {
namespace {

TEST(FormatSize, UsesTheUnitAPersonWould) {
  EXPECT_EQ(FormatSize(0), "0 B");
  EXPECT_EQ(FormatSize(1023), "1023 B");
  EXPECT_EQ(FormatSize(1024), "1 KiB");
  EXPECT_EQ(FormatSize(1536), "1.5 KiB");
  EXPECT_EQ(FormatSize(256 * kMiB), "256 MiB");
  EXPECT_EQ(FormatSize(kMiB - 1), "1 MiB");
  EXPECT_EQ(FormatSize(~uint64_t{0}), "16 EiB");
}

TEST(FormatDuration, UsesTheUnitAPersonWould) {
  EXPECT_EQ(FormatDuration(Duration(0)), "0 ms");
  EXPECT_EQ(FormatDuration(Duration(-5)), "0 ms");
  EXPECT_EQ(FormatDuration(Duration(350)), "350 ms");
  EXPECT_EQ(FormatDuration(Duration(1250)), "1.2 s");
  EXPECT_EQ(FormatDuration(Duration(45'900)), "45 s");
  EXPECT_EQ(FormatDuration(std::chrono::minutes(12)), "12 min");
  EXPECT_EQ(FormatDuration(std::chrono::minutes(200)), "3 h 20 min");
  EXPECT_EQ(FormatDuration(std::chrono::hours(52)), "2 d 4 h");
}

TEST(FormatCount, GroupsByThousands) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(1'234'567), "1,234,567");
  EXPECT_EQ(FormatCount(~uint64_t{0}), "18,446,744,073,709,551,615");
}

}  // namespace
}  // namespace bw
