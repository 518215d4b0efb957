#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "capture/conninfo.h"

namespace bw {
namespace {

TEST(RedactedConninfo, HidesSecretsAndKeepsTheRest) {
  EXPECT_EQ(RedactedConninfo("postgres://relay:geheim@db:5432/shop"),
            "user=relay password=*** dbname=shop host=db port=5432");
  EXPECT_EQ(RedactedConninfo("postgresql://relay@db/shop?password=geheim&sslmode=require"),
            "user=relay password=*** dbname=shop host=db sslmode=require");
  EXPECT_EQ(RedactedConninfo("host=db user=relay password=geheim dbname=shop sslpassword=geheim"),
            "user=relay password=*** dbname=shop host=db sslpassword=***");
  EXPECT_EQ(RedactedConninfo("postgres://user%40tenant@db/shop"),
            "user=user@tenant dbname=shop host=db");
  EXPECT_EQ(RedactedConninfo("dbname='my shop' user='it\\'s' host=''"),
            "user='it\\'s' dbname='my shop' host=''");
  EXPECT_EQ(RedactedConninfo("shop"), "dbname=shop");
  EXPECT_EQ(RedactedConninfo("mysql://h/d"), "(a connection string that cannot be read)");
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

TEST(BuildConnectParameters, RefusesWhatALaterMessageWouldRepeat) {
  for (const char* conninfo :
       {"u:geheim@db.example/shop", "u:geheim", "geheim@db", "db/geheim", "host=db user=u geheim",
        "u geheim", "postgres://u:x@geheim@db/shop", "postgres://u:12/geheim@db/shop",
        "postgres://u:12/x@geheim", "mysql://u:geheim@db/shop"}) {
    try {
      BuildConnectParameters(conninfo, /*replication=*/false, Duration(1'000));
      ADD_FAILURE() << conninfo;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
      EXPECT_EQ(std::string(error.what()).find("geheim"), std::string::npos) << error.what();
    }
  }
  for (const char* conninfo : {"shop", "postgres://u:x@db/my%40shop", "postgres://db/my%40shop",
                               "postgres://u:ge%40heim@db/shop", "postgres://u%40t:x@db/shop",
                               "dbname=a@b", "postgres://u@db/shop?application_name=a@b"}) {
    EXPECT_NO_THROW(BuildConnectParameters(conninfo, /*replication=*/false, Duration(1'000)))
        << conninfo;
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

}  // namespace
}  // namespace bw
