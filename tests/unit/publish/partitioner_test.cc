#include "publish/partitioner.h"

#include <gtest/gtest.h>

#include <limits>

namespace bw {
namespace {

// The vectors of Kafka's UtilsTest.testMurmur2, and more made by Kafka 4.2.0's Utils.murmur2 so
// that every length modulo 4 and bytes above 127 are covered.
TEST(Partitioner, HashesAsJava) {
  const Lsn any{1};
  // Of so many partitions that the number is the hash, as Java makes it positive.
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  const auto ToPositive = [](int32_t java) { return java & kMost; };
  EXPECT_EQ(PartitionOf("21", any, kMost), ToPositive(-973932308));
  EXPECT_EQ(PartitionOf("foobar", any, kMost), ToPositive(-790332482));
  EXPECT_EQ(PartitionOf("a-little-bit-long-string", any, kMost), ToPositive(-985981536));
  EXPECT_EQ(PartitionOf("a-little-bit-longer-string", any, kMost), ToPositive(-1486304829));
  EXPECT_EQ(PartitionOf("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", any, kMost),
            ToPositive(-58897971));
  EXPECT_EQ(PartitionOf("abc", any, kMost), ToPositive(479470107));
  EXPECT_EQ(PartitionOf("", any, kMost), ToPositive(275646681));
  EXPECT_EQ(PartitionOf("a", any, kMost), ToPositive(-1563381124));
  EXPECT_EQ(PartitionOf("abcd", any, kMost), ToPositive(-1323649548));
  EXPECT_EQ(PartitionOf("\x80\xff\xfe", any, kMost), ToPositive(810766165));
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
