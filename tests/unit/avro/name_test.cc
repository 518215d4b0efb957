#include "avro/name.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

TEST(AvroSafeName, KeepsLettersDigitsAndUnderscores) {
  EXPECT_EQ(AvroSafeName("Test_table_9"), "Test_table_9");
}

TEST(AvroSafeName, EscapesEveryOtherByteAsTheOriginalDid) {
  EXPECT_EQ(AvroSafeName("crêpes"), "cr_c3__aa_pes");
  EXPECT_EQ(AvroSafeName("a-b"), "a_2d_b");
  EXPECT_EQ(AvroSafeName("a.b \"c\""), "a_2e_b_20__22_c_22_");
  EXPECT_EQ(AvroSafeName("\x01\xff"), "_01__ff_");
  EXPECT_EQ(AvroSafeName("🍶"), "_f0__9f__8d__b6_");
}

TEST(AvroSafeName, EscapesADigitOnlyAsFirstByte) {
  EXPECT_EQ(AvroSafeName("1a"), "_31_a");
  EXPECT_EQ(AvroSafeName("12"), "_31_2");
}

TEST(AvroSafeName, IsNotInjective) { EXPECT_EQ(AvroSafeName("a-b"), AvroSafeName("a_2d_b")); }

TEST(AvroSafeName, GivesAtMostFourTimesTheBytes) {
  EXPECT_EQ(AvroSafeName(std::string(63, '-')).size(), 63u * 4);
  EXPECT_EQ(AvroSafeName(""), "");
}

TEST(AvroNamespace, HoldsTheSafeSchemaName) {
  EXPECT_EQ(AvroNamespace("public"), "bottledwater.public");
  EXPECT_EQ(AvroNamespace("a.b"), "bottledwater.a_2e_b");
}

}  // namespace
}  // namespace bw
