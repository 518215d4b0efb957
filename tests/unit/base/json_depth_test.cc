#include "base/json_depth.h"

#include <gtest/gtest.h>

#include <string>

namespace bw {
namespace {

TEST(JsonDepth, CountsArraysAndObjectsInEachOther) {
  EXPECT_FALSE(IsNestedDeeperThan("", 0));
  EXPECT_FALSE(IsNestedDeeperThan("1", 0));
  EXPECT_TRUE(IsNestedDeeperThan("[]", 0));
  EXPECT_FALSE(IsNestedDeeperThan(R"({"a":[1],"b":[2],"c":{}})", 2));
  EXPECT_TRUE(IsNestedDeeperThan(R"({"a":[1],"b":[{}],"c":{}})", 2));
}

TEST(JsonDepth, PassesOverBracketsInTexts) {
  EXPECT_FALSE(IsNestedDeeperThan(R"(["[[[[", "{{", "\"[[", "\\"])", 1));
  EXPECT_TRUE(IsNestedDeeperThan(R"(["\\",[1]])", 1));
}

// Closing brackets in texts would otherwise make up for the opening ones outside.
TEST(JsonDepth, IsNotDeceivedByClosingBracketsInTexts) {
  EXPECT_TRUE(
      IsNestedDeeperThan("[\"" + std::string(100, ']') + "\"," + std::string(100, '['), 64));
  std::string interleaved;
  for (int i = 0; i < 100; ++i) interleaved += R"(["]",)";
  EXPECT_TRUE(IsNestedDeeperThan(interleaved, 64));
}

}  // namespace
}  // namespace bw
