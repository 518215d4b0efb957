#include "publish/topic_claims.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

const TableName kDash{"public", "a-b"};
const TableName kEscaped{"public", "a_2d_b"};

TEST(TopicClaims, RecordReadsBack) {
  const TableName table{"caf\xE9", "o'r\"ders"};
  EXPECT_EQ(DecodeTopicClaim(EncodeTopicClaim(table), "here"), table);
  EXPECT_EQ(TopicOfClaimKey(TopicClaimKey("sales.orders")), "sales.orders");
  EXPECT_FALSE(TopicOfClaimKey("checkpoint"));
  EXPECT_THROW(DecodeTopicClaim("{}", "here"), Error);
  EXPECT_THROW(DecodeTopicClaim(EncodeTopicClaim(table) + "x", "here"), Error);
}

TEST(TopicClaims, SecondTableGetsTheSuffixAndBothKeepWhatTheyHave) {
  TopicClaims claims("", "checkpoint", {});
  EXPECT_EQ(claims.Choose(kDash).topic, "a_2d_b");
  claims.Claim("a_2d_b", kDash);
  const auto choice = claims.Choose(kEscaped);
  EXPECT_EQ(choice.topic, TopicWithSuffix("", "public", "a_2d_b"));
  ASSERT_TRUE(choice.collision);
  EXPECT_NE(choice.collision->find("public.a-b"), std::string::npos) << *choice.collision;
  EXPECT_EQ(choice.taken, std::set<std::string>{"a_2d_b"});
  claims.Claim(choice.topic, kEscaped);
  EXPECT_EQ(claims.pending().size(), 2U);

  // In a later life, whoever comes first.
  TopicClaims later("", "checkpoint", claims.pending());
  EXPECT_EQ(later.Choose(kEscaped).topic, choice.topic);
  EXPECT_EQ(later.Choose(kDash).topic, "a_2d_b");
  later.Claim("a_2d_b", kDash);
  EXPECT_TRUE(later.pending().empty());
  // The suffix stays, also when the name is free.
  later.Release("a_2d_b");
  EXPECT_EQ(later.Choose(kEscaped).topic, choice.topic);
}

TEST(TopicClaims, WhatKafkaTakesForOneIsACollision) {
  TopicClaims claims("", "checkpoint", {});
  claims.Claim("sales.orders", {"sales", "orders"});
  const auto choice = claims.Choose({"public", "sales_orders"});
  EXPECT_EQ(choice.topic, TopicWithSuffix("", "public", "sales_orders"));
  EXPECT_TRUE(choice.collision);
  claims.Release("sales.orders");
  EXPECT_FALSE(claims.Choose({"public", "sales_orders"}).collision);
}

TEST(TopicClaims, NamesThatDifferInCaseAreTwoTopics) {
  TopicClaims claims("", "checkpoint", {});
  claims.Claim("Orders", {"public", "Orders"});
  EXPECT_FALSE(claims.Choose({"public", "orders"}).collision);
}

TEST(TopicClaims, RefusedAndReservedNamesGetTheSuffix) {
  TopicClaims claims("", "checkpoint", {});
  claims.NoteRefused("orders", "somebody else has topic or.ders");
  EXPECT_EQ(claims.Choose({"public", "orders"}).topic, TopicWithSuffix("", "public", "orders"));
  EXPECT_EQ(claims.Choose({"public", "_schemas"}).topic, TopicWithSuffix("", "public", "_schemas"));
  EXPECT_EQ(claims.Choose({"public", "checkpoint"}).topic,
            TopicWithSuffix("", "public", "checkpoint"));
}

TEST(TopicClaims, TableWithoutAnyNameSaysBothReasons) {
  TopicClaims claims("", "checkpoint", {});
  claims.Claim("a_2d_b", kDash);
  claims.NoteRefused(TopicWithSuffix("", "public", "a_2d_b"), "refused");
  const auto choice = claims.Choose(kEscaped);
  EXPECT_EQ(choice.topic, "");
  EXPECT_NE(choice.collision->find("and refused"), std::string::npos) << *choice.collision;
}

}  // namespace
}  // namespace bw
