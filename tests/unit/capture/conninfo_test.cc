#include "capture/conninfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace bw {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Value(const ConnectParameters& parameters, const std::string& keyword) {
  std::string found = "(none)";
  for (const auto& [name, value] : parameters.entries) {
    if (name == keyword) found = found == "(none)" ? value : "(twice)";
  }
  return found;
}

ConnectParameters Build(const std::string& conninfo, bool replication = false) {
  return BuildConnectParameters(conninfo, replication, Duration(10'000));
}

std::string Refusal(const std::string& conninfo) {
  try {
    Build(conninfo);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "";
}

TEST(Conninfo, TakesUrisWordsAndBareDatabaseNames) {
  EXPECT_EQ(Value(Build("postgresql://u@h:5433/db"), "host"), "h");
  EXPECT_EQ(Value(Build("host=h dbname=db"), "dbname"), "db");
  EXPECT_EQ(Value(Build("db"), "dbname"), "db");
}

TEST(Conninfo, GivesEverySessionTheSameSettings) {
  const std::string options = Value(Build("db"), "options");
  for (const char* setting :
       {"-cdatestyle=ISO", "-cintervalstyle=iso_8601", "-ctimezone=UTC", "-cbytea_output=hex",
        "-cextra_float_digits=3", "-crow_security=off", "-cclient_min_messages=warning",
        "-cdefault_transaction_read_only=off", "-cdefault_transaction_isolation=read\\ committed",
        "-csynchronous_commit=local", "-cstatement_timeout=0"}) {
    EXPECT_THAT(options, HasSubstr(setting));
  }
  EXPECT_THAT(options, HasSubstr("-clock_timeout=2000"));
  // A slot's creation waits for transactions to end, by their locks.
  EXPECT_THAT(Value(Build("db", true), "options"), HasSubstr("-clock_timeout=0"));
  EXPECT_EQ(Value(Build("db"), "client_encoding"), "UTF8");
  EXPECT_EQ(Value(Build("dbname=db client_encoding=LATIN1"), "client_encoding"), "UTF8");
}

TEST(Conninfo, KeepsTheUsersOptionsBeforeOurs) {
  const std::string options =
      Value(Build("dbname=db options='-cfoo.bar=1 -ctimezone=CET'"), "options");
  EXPECT_LT(options.find("timezone=CET"), options.find("timezone=UTC"));
}

TEST(Conninfo, LetsTheUserChooseKeepalivesAndName) {
  const ConnectParameters parameters =
      Build("dbname=db keepalives_idle=5 application_name=mine connect_timeout=3");
  EXPECT_EQ(Value(parameters, "keepalives_idle"), "5");
  EXPECT_EQ(Value(parameters, "application_name"), "mine");
  EXPECT_EQ(Value(parameters, "fallback_application_name"), "bottledwater");
  EXPECT_EQ(parameters.connect_timeout, Duration(3'000));
  EXPECT_EQ(Build("dbname=db connect_timeout=0").connect_timeout, Duration(10'000));
}

TEST(Conninfo, AsksForReplicationOnlyWhenWanted) {
  EXPECT_EQ(Value(Build("db", true), "replication"), "database");
  EXPECT_EQ(Value(Build("db"), "replication"), "(none)");
}

TEST(Conninfo, RefusesWithTheOptionsName) {
  EXPECT_THAT(Refusal(""), HasSubstr("--postgres"));
  EXPECT_THAT(Refusal("hots=h"), HasSubstr("hots"));
  for (const char* port : {"0", "65536", "54x2", "5432,70000", "99999999999"}) {
    EXPECT_THAT(Refusal(std::string("host=h,h port=") + port), HasSubstr("port")) << port;
  }
  EXPECT_EQ(Refusal("host=h,h port=5432,"), "");
  EXPECT_THAT(Refusal("dbname=db connect_timeout=soon"), HasSubstr("connect_timeout"));
}

TEST(Conninfo, NeverRepeatsAPassword) {
  for (const char* conninfo :
       {"password=my secret", "password=my secret=1", "postgresql://u:secret%zz@h/db",
        "postgresql://u:secret@[h/db", "host=h password='secret"}) {
    EXPECT_THAT(Refusal(conninfo), Not(HasSubstr("secret"))) << conninfo;
    EXPECT_NE(Refusal(conninfo), "") << conninfo;
  }
}

}  // namespace
}  // namespace bw
