#include "preflight/least_rights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bw {
namespace {

using testing::HasSubstr;
using testing::Not;

CapturedTable MakeTable(uint32_t oid, const std::string& schema, const std::string& name,
                        bool has_identity = true) {
  CapturedTable table;
  table.oid = oid;
  table.table.schema = schema;
  table.table.name = name;
  table.has_identity = has_identity;
  if (has_identity) table.key_index = name + "_pkey";
  return table;
}

class LeastRightsTest : public testing::Test {
 protected:
  LeastRightsTest() {
    facts_.role = "relay";
    facts_.database = "shop";
    facts_.version = 150000;
    facts_.tables = {MakeTable(1, "public", "orders"), MakeTable(2, "sales", "tax"),
                     MakeTable(3, "public", "log", /*has_identity=*/false)};
    options_.capture.slot = "bw";
    options_.publish.brokers = "SASL_SSL://k1:9093,k2:9092";
  }
  std::string Sql() const { return LeastRightsSql(facts_, options_.capture); }
  std::string Acls(const std::string& principal = "") const {
    return LeastRightsAcls(facts_, options_, principal);
  }
  // The lines that are run.
  static std::string Run(const std::string& script, const char* comment) {
    std::string lines;
    for (size_t at = 0; at < script.size();) {
      const size_t end = script.find('\n', at);
      const std::string line = script.substr(at, end + 1 - at);
      if (!line.starts_with(comment) && line != "\n") lines += line;
      at = end + 1;
    }
    return lines;
  }

  RightsFacts facts_;
  Options options_;
};

TEST_F(LeastRightsTest, GiveWhatTheSelectedTablesNeedAndNoMore) {
  EXPECT_EQ(Run(Sql(), "--"), R"(CREATE ROLE "relay" LOGIN REPLICATION;
GRANT CONNECT ON DATABASE "shop" TO "relay";
GRANT USAGE ON SCHEMA "public" TO "relay";
GRANT SELECT ON TABLE "public"."orders", "public"."log" TO "relay";
GRANT USAGE ON SCHEMA "sales" TO "relay";
GRANT SELECT ON TABLE "sales"."tax" TO "relay";
CREATE PUBLICATION "bw" FOR TABLE ONLY "public"."orders", ONLY "sales"."tax" WITH (publish_via_partition_root = true);
CREATE PUBLICATION "bw_inserts" FOR ALL TABLES WITH (publish = 'insert', publish_via_partition_root = true);
ALTER PUBLICATION "bw" OWNER TO "relay";
)");
  options_.capture.tables = {"sales.*"};
  EXPECT_THAT(Sql(), Not(HasSubstr("orders")));
  EXPECT_THAT(Sql(), Not(HasSubstr("log")));
}

TEST_F(LeastRightsTest, ShowTheChoiceForTablesWithoutAKeyAsComments) {
  EXPECT_THAT(Sql(), HasSubstr("-- public.log:\n"));
  EXPECT_THAT(Sql(), HasSubstr("ALTER TABLE \"public\".\"log\" REPLICA IDENTITY FULL;\n"));
  EXPECT_THAT(Run(Sql(), "--"), Not(HasSubstr("ALTER TABLE")));
}

TEST_F(LeastRightsTest, LetRowsBeReadThatPoliciesWouldHide) {
  EXPECT_THAT(Sql(), Not(HasSubstr("BYPASSRLS")));
  facts_.with_policies = {{"public", "orders"}};
  EXPECT_THAT(Sql(), HasSubstr("\nALTER ROLE \"relay\" BYPASSRLS;\n"));
  options_.capture.exclude_tables = {"public.orders"};
  EXPECT_THAT(Sql(), Not(HasSubstr("BYPASSRLS")));
}

TEST_F(LeastRightsTest, LeaveTheOwnersPublicationToTheOwner) {
  options_.capture.publication = "mine";
  EXPECT_THAT(Sql(),
              HasSubstr("\nCREATE PUBLICATION \"mine\" FOR TABLE ONLY \"public\".\"orders\""));
  EXPECT_THAT(Sql(), Not(HasSubstr("FOR ALL TABLES")));
  EXPECT_THAT(Sql(), Not(HasSubstr("OWNER TO")));
  Publication existing;
  existing.name = "mine";
  facts_.existing = {existing};
  EXPECT_THAT(Run(Sql(), "--"), Not(HasSubstr("PUBLICATION")));
}

TEST_F(LeastRightsTest, WithoutTheServerLeaveBlanks) {
  facts_.version = 0;
  facts_.tables.clear();
  facts_.problem = "it is away";
  EXPECT_THAT(Sql(), HasSubstr("(it is away)"));
  EXPECT_THAT(Sql(), HasSubstr("GRANT SELECT ON TABLE <schema>.<table>, ... TO \"relay\";"));
  EXPECT_THAT(Sql(),
              HasSubstr("CREATE PUBLICATION \"bw\" FOR TABLE ONLY <schema>.<table>, ... WITH"));
}

// A name is somebody else's text: it must stay within its comment.
TEST_F(LeastRightsTest, NoNameBreaksOutOfAComment) {
  facts_.tables = {MakeTable(1, "public", "a\nDROP TABLE b;", /*has_identity=*/false)};
  facts_.problem = "x\nDROP TABLE c;";
  EXPECT_THAT(Sql(), Not(HasSubstr("\nDROP")));
}

TEST_F(LeastRightsTest, OfKafkaTakeAPrefixIfThereIsOne) {
  options_.publish.topic_prefix = "shop";
  facts_.system_identifier = "42";
  const std::string command =
      "kafka-acls.sh --bootstrap-server 'k1:9093,k2:9092' --command-config admin.properties --add "
      "--allow-principal 'User:bottledwater' ";
  EXPECT_EQ(Run(Acls(), "#"),
            command + "--transactional-id 'bottledwater.42.shop.bw' --operation Write\n" + command +
                "--topic shop. --resource-pattern-type prefixed --operation Create --operation "
                "Write --operation Read --operation DescribeConfigs\n");
}

TEST_F(LeastRightsTest, OfKafkaTakeSingleTopicsOnlyIfTheyAreKnown) {
  options_.capture.tables = {"public.orders", "sales.tax"};
  EXPECT_THAT(Acls(), HasSubstr(" --topic orders --operation Create"));
  EXPECT_THAT(Acls(), HasSubstr(" --topic sales.tax --operation Create"));
  EXPECT_THAT(Acls(), HasSubstr(" --topic bottledwater.shop.bw.checkpoint --operation Create"));
  EXPECT_THAT(Acls(), Not(HasSubstr("'*'")));
  for (const char* open : {"sales.*", "orders"}) {
    options_.capture.tables = {"public.orders", open};
    EXPECT_THAT(Acls(), HasSubstr(" --topic '*' --operation Create")) << open;
    EXPECT_THAT(Acls(), Not(HasSubstr("--topic '*' --resource-pattern-type")));
  }
}

TEST_F(LeastRightsTest, OfKafkaAreForWhoeverLogsIn) {
  options_.publish.kafka_config["sasl.username"] = "it's";
  EXPECT_THAT(Acls(), HasSubstr("--allow-principal 'User:it'\\''s' "));
  EXPECT_THAT(Acls("User:CN=relay"), HasSubstr("--allow-principal 'User:CN=relay' "));
}

}  // namespace
}  // namespace bw
