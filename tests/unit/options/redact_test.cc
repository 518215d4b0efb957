#include "options/redact.h"

#include <gtest/gtest.h>

#include <string>

namespace bw {
namespace {

TEST(RedactedConninfo, HidesThePasswordAndKeepsTheRest) {
  EXPECT_EQ(RedactedConninfo("postgres://relay:geheim@db:5432/shop"),
            "postgres://relay:***@db:5432/shop");
  EXPECT_EQ(RedactedConninfo("postgresql://relay@db/shop?password=geheim&sslmode=require"),
            "postgresql://relay@db/shop?password=***&sslmode=require");
  EXPECT_EQ(RedactedConninfo("host=db user=relay password=geheim dbname=shop"),
            "host=db user=relay password=*** dbname=shop");
  EXPECT_EQ(RedactedConninfo("postgres://db:5432/shop"), "postgres://db:5432/shop");
  EXPECT_EQ(RedactedConninfo("shop"), "shop");
}

TEST(RedactedConninfo, HidesAPasswordHoweverItIsWritten) {
  for (const char* conninfo : {
           "postgres://u:geheim@h/d",
           "postgres://u:ge/geheim@h/d",
           "postgres://u:ge?geheim@h/d",
           "postgres://u:ge@geheim@h/d",
           "postgres://u:ge:geheim@h/d",
           "postgres://:geheim@h/d",
           "postgres://u:x@h/d?password=geheim",
           "postgres://u@h/d?pass%77ord=geheim",
           "postgres://u@h/d?sslpassword=geheim&x=y",
           "postgres://h/d?a=b&password=geheim",
           "password=geheim",
           "password = geheim",
           "password\t=\n'geheim'",
           "password='it\\'s geheim' host=h",
           "password=a\\ geheim host=h",
           "host=h password='geheim",
           "host=h passwort geheim",
           "mysql://u:geheim@h/d",
           "u:geheim@h",
           "POSTGRES://u:geheim@h/d",
           "sslpassword=geheim",
       }) {
    EXPECT_EQ(RedactedConninfo(conninfo).find("geheim"), std::string::npos)
        << conninfo << " -> " << RedactedConninfo(conninfo);
  }
}

TEST(HasPassword, IsTrueWhereverItStands) {
  for (const char* conninfo :
       {"postgres://u:geheim@h/d", "postgres://u@h/d?pass%77ord=geheim", "password=geheim",
        "host=h password = 'it\\'s geheim'", "sslpassword=geheim"}) {
    EXPECT_TRUE(HasPassword(conninfo)) << conninfo;
  }
}

TEST(RedactedConninfo, IsOnePrintableLine) {
  EXPECT_EQ(RedactedConninfo("postgres://u@h/d\n2026 forged\x1B[31m").find_first_of("\n\x1B"),
            std::string::npos);
}

TEST(HasPassword, IsFalseWithoutOne) {
  for (const char* conninfo : {"shop", "host=db dbname=shop", "postgres://relay@db/shop",
                               "postgres://db:5432/shop?sslmode=require", "passfile=/etc/pgpass"}) {
    EXPECT_FALSE(HasPassword(conninfo)) << conninfo;
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
