#include "publish/partitioner.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

int32_t Java(std::string_view bytes) { return static_cast<int32_t>(Murmur2(bytes)); }

// The vectors of Kafka's UtilsTest.testMurmur2, and more made by Kafka 4.2.0's Utils.murmur2 so
// that every length modulo 4 and bytes above 127 are covered.
TEST(Partitioner, HashesAsJava) {
  EXPECT_EQ(Java("21"), -973932308);
  EXPECT_EQ(Java("foobar"), -790332482);
  EXPECT_EQ(Java("a-little-bit-long-string"), -985981536);
  EXPECT_EQ(Java("a-little-bit-longer-string"), -1486304829);
  EXPECT_EQ(Java("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
  EXPECT_EQ(Java("abc"), 479470107);
  EXPECT_EQ(Java(""), 275646681);
  EXPECT_EQ(Java("a"), -1563381124);
  EXPECT_EQ(Java("abcd"), -1323649548);
  EXPECT_EQ(Java("\x80\xff\xfe"), 810766165);
}

TEST(Partitioner, ChoosesTheKeysPartitionAsJava) {
  const Lsn any{1};
  EXPECT_EQ(PartitionOf("21", any, 7), 3);
  EXPECT_EQ(PartitionOf("foobar", any, 7), 0);
  EXPECT_EQ(PartitionOf("abc", any, 7), 4);
  EXPECT_EQ(PartitionOf("", any, 7), 2);
  EXPECT_EQ(PartitionOf("foobar", any, 1), 0);
}

TEST(Partitioner, KeepsTheRowsOfATransactionTogetherWithoutKey) {
  const Lsn commit_lsn = *Lsn::Parse("2/44DAB970");
  EXPECT_EQ(PartitionOf(std::nullopt, commit_lsn, 12), 1);
  bool spread = false;
  for (uint64_t lsn = 1; lsn < 100; ++lsn) {
    spread |= PartitionOf(std::nullopt, Lsn{lsn}, 12) != 1;
  }
  EXPECT_TRUE(spread);
}

}  // namespace
}  // namespace bw
