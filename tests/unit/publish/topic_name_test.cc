#include "publish/topic_name.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

TEST(TopicName, OmitsPublicAndPutsPrefixAndSchemaBefore) {
  EXPECT_EQ(TopicOfTable("", "public", "test"), "test");
  EXPECT_EQ(TopicOfTable("", "shop", "test"), "shop.test");
  EXPECT_EQ(TopicOfTable("p", "public", "test"), "p.test");
  EXPECT_EQ(TopicOfTable("p.q", "shop", "test"), "p.q.shop.test");
}

TEST(TopicName, MakesNamesAvroSafeByteByByte) {
  EXPECT_EQ(TopicOfTable("", "public", "crêpes"), "cr_c3__aa_pes");
  EXPECT_EQ(TopicOfTable("", "a.b", "a-b"), "a_2e_b.a_2d_b");
  EXPECT_TRUE(IsLegalTopicText(TopicOfTable("", "s p", "\xff\x01/\\日本")));
}

TEST(TopicName, CutsWhatKafkaRefusesAndStaysDistinct) {
  const std::string schema(200, 's');
  const std::string full = TopicOfTable("", schema, std::string(63, 't'));
  EXPECT_EQ(full.size(), kTopicNameBytesMax);
  EXPECT_EQ(full.substr(full.size() - 9), "_17e1af4b");
  EXPECT_NE(full, TopicOfTable("", schema, std::string(62, 't') + "u"));
  EXPECT_EQ(TopicOfTable("", "public", std::string(249, 't')), std::string(249, 't'));
}

TEST(TopicName, NamesTheCheckpointAfterDatabaseAndSlot) {
  const Source source{"7412345678901234567", "my-shop", "bottledwater", 1};
  EXPECT_EQ(CheckpointTopic("", source), "bottledwater.my-shop.bottledwater.checkpoint");
  EXPECT_EQ(CheckpointTopic("p", source), "p.bottledwater.my-shop.bottledwater.checkpoint");
  EXPECT_EQ(CheckpointTopic("", {"1", "a.b ü", "s", 1}),
            "bottledwater.a_2e_b_20__c3__bc_.s.checkpoint");
  EXPECT_EQ(TransactionalId(source), "bottledwater.7412345678901234567.my-shop.bottledwater");
}

TEST(TopicName, KnowsWhichTextIsLegal) {
  EXPECT_TRUE(IsLegalTopicText("aZ09._-"));
  for (const char* bad : {"a b", "a/b", "ä", "a\n"}) EXPECT_FALSE(IsLegalTopicText(bad)) << bad;
}

TEST(TopicName, SuffixIsTheTablesOwnAndFits) {
  EXPECT_NE(TopicWithSuffix("", "public", "a-b"), TopicWithSuffix("", "public", "a_2d_b"));
  EXPECT_TRUE(TopicWithSuffix("", "public", "a-b").starts_with("a_2d_b_"));
  EXPECT_EQ(TopicWithSuffix("", "public", "a-b").size(), 6U + 9U);
  EXPECT_EQ(TopicWithSuffix("p", "s", std::string(300, 'x')).size(), kTopicNameBytesMax);
  // For good: consumers rely on it.
  EXPECT_EQ(TopicWithSuffix("", "public", "a-b"), "a_2d_b_dcb0ba41");
}

TEST(TopicName, KafkaTakesDotsAndUnderscoresForOne) {
  EXPECT_EQ(KafkaFormOfTopic("sales.orders"), KafkaFormOfTopic("sales_orders"));
  EXPECT_NE(KafkaFormOfTopic("sales.orders"), KafkaFormOfTopic("Sales.orders"));
}

TEST(TopicName, ReservedAreTopicsOfServersAndOfOtherRelays) {
  for (const char* topic : {"__consumer_offsets", "__transaction_state", "_schemas",
                            "bottledwater.shop.s.checkpoint", "p.q.bottledwater.shop.s.checkpoint"}) {
    EXPECT_TRUE(IsReservedTopic(topic)) << topic;
  }
  for (const char* topic : {"__consumer_offsets_", "p.__consumer_offsets", "sales.checkpoint",
                            "xbottledwater.shop.s.checkpoint", "bottledwater.checkpoint", "schemas"}) {
    EXPECT_FALSE(IsReservedTopic(topic)) << topic;
  }
}

}  // namespace
}  // namespace bw
