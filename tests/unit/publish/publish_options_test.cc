#include "publish/publish_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "publish/kafka_cluster.h"
#include "publish/kafka_config.h"

namespace bw {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

std::string UsageTextOf(const PublishOptions& options) {
  try {
    CheckPublishOptions(options);
    for (const auto& [name, value] : options.kafka_config) CheckKafkaProperty(name, value);
    CheckKafkaConfig(options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "accepted";
  return "";
}

// Makes real handles of librdkafka, whose threads are started by C11's thrd_create. GCC 12's thread
// sanitizer does not know that call and crashes in such a thread.
class KafkaHandles : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "librdkafka's threads are unknown to the thread sanitizer";
#endif
  }
};

TEST_F(KafkaHandles, AreMadeWithTheDefaults) { CheckKafkaConfig({}); }

TEST_F(KafkaHandles, TakeTheUsersProperties) {
  PublishOptions options;
  options.kafka_config = {{"compression.type", "zstd"},
                          {"linger.ms", "1"},
                          {"message.max.bytes", "5000000"},
                          {"transaction.timeout.ms", "30000"},
                          {"client.id", "mine"}};
  CheckKafkaConfig(options);
}

TEST_F(KafkaHandles, RefuseTokensThatNobodyFetches) {
  PublishOptions options;
  options.kafka_config = {{"security.protocol", "sasl_plaintext"},
                          {"sasl.mechanism", "OAUTHBEARER"}};
  EXPECT_THAT(UsageTextOf(options), HasSubstr("sasl.oauthbearer.method=oidc"));
  options.kafka_config["enable.sasl.oauthbearer.unsecure.jwt"] = "true";
  options.kafka_config["sasl.oauthbearer.config"] = "principal=relay";
  CheckKafkaConfig(options);
}

TEST_F(KafkaHandles, NameABadProperty) {
  PublishOptions options;
  options.kafka_config = {{"no.such.property", "1"}};
  EXPECT_THAT(UsageTextOf(options), HasSubstr("no.such.property"));
  options.kafka_config = {{"compression.type", "best"}};
  EXPECT_THAT(UsageTextOf(options), HasSubstr("compression.type"));
  options.kafka_config = {{"ssl.ca.location", "/no/such/file"}, {"security.protocol", "ssl"}};
  EXPECT_THAT(UsageTextOf(options), HasSubstr("ssl.ca.location"));
}

TEST(PublishOptions, RefusesPropertiesThatAreOurs) {
  for (const char* property :
       {"transactional.id", "enable.idempotence", "isolation.level", "acks", "bootstrap.servers",
        "group.id", "debug", "plugin.library.paths", "partitioner", "topic.acks"}) {
    EXPECT_THAT([&] { CheckKafkaProperty(property, "x"); },
                ThrowsMessage<Error>(HasSubstr(" cannot be set: ")));
  }
}

TEST(PublishOptions, TakesTopicConfigApart) {
  const TopicSettings settings =
      ParseTopicConfig({{"partitions", "12"}, {"replication", "3"}, {"min.insync.replicas", "2"}});
  EXPECT_EQ(settings.partitions, 12);
  EXPECT_EQ(settings.replication, 3);
  EXPECT_EQ(settings.config, (std::map<std::string, std::string>{{"min.insync.replicas", "2"}}));
  EXPECT_EQ(ParseTopicConfig({}).partitions, -1);
}

TEST(PublishOptions, NamesABadTopicConfig) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"partitions", "0"},
                                                        {"partitions", "x"},
                                                        {"partitions", ""},
                                                        {"replication", "-1"},
                                                        {"replication", "40000"},
                                                        {"", "1"},
                                                        {"a b", "1"}}) {
    PublishOptions options;
    options.topic_config = {{name, value}};
    EXPECT_THAT(UsageTextOf(options), HasSubstr("--topic-config"));
  }
}

TEST(PublishOptions, NamesABadPrefixAndBadLimits) {
  PublishOptions options;
  options.topic_prefix = "a b";
  EXPECT_THAT(UsageTextOf(options), HasSubstr("--topic-prefix"));
  options = {};
  options.transaction_max_messages = 0;
  EXPECT_THAT(UsageTextOf(options), HasSubstr("--transaction-max-messages"));
  options = {};
  options.transaction_max_bytes = 1;
  EXPECT_THAT(UsageTextOf(options), HasSubstr("--transaction-max-bytes"));
}

TEST(KafkaConfig, KnowsBrokerAddresses) {
  for (const char* good :
       {"localhost:9092", "localhost", "a:1,b:2", "SSL://kafka-1.example.com:9093",
        "10.0.0.1:65535", "[::1]:9092", "[::1]"}) {
    EXPECT_NO_THROW(CheckBrokers(good)) << good;
  }
  for (const char* bad : {"", ",", "a:1,", ":9092", "host:", "host:0", "host:65536", "host:x",
                          "http://host:1/path", "a b:1", "user@host:1"}) {
    EXPECT_THROW(CheckBrokers(bad), Error) << bad;
  }
}

TEST(IsSecretKafkaKey, KnowsTheSecretsOfLibrdkafka) {
  for (const char* key :
       {"sasl.password", "ssl.key.password", "ssl.keystore.password",
        "sasl.oauthbearer.client.secret", "ssl.key.pem", "sasl.oauthbearer.config"}) {
    EXPECT_TRUE(IsSecretKafkaKey(key)) << key;
  }
  for (const char* key : {"sasl.username", "security.protocol", "ssl.ca.location",
                          "sasl.oauthbearer.token.endpoint.url", "linger.ms"}) {
    EXPECT_FALSE(IsSecretKafkaKey(key)) << key;
  }
}

}  // namespace
}  // namespace bw
