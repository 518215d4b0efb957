#include "capture/pg_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bw {
namespace {

using testing::HasSubstr;
using testing::Not;

Error Translated(const std::string& state, const std::string& message = "something",
                 const std::string& sql = "") {
  return TranslatePgFailure({state, message}, {.doing = "try it", .remedy_sql = sql});
}

TEST(PgError, WaitsForAServerThatIsAwayOrBusy) {
  for (const char* state :
       {"57P03", "57P01", "57P02", "53300", "08006", "40P01", "55P03", "25P04", ""}) {
    EXPECT_EQ(Translated(state).kind(), ErrorKind::kTransient) << state;
  }
}

TEST(PgError, CallsAConnectionLimitARefusal) {
  const Error error = Translated("53300", "too many connections for role \"relay\"");
  EXPECT_EQ(error.kind(), ErrorKind::kTransient);
  EXPECT_TRUE(error.is_refusal()) << "the server is not away, and retries come less often";
  EXPECT_THAT(error.remedy(), HasSubstr("CONNECTION LIMIT"));
  EXPECT_FALSE(Translated("57P03").is_refusal());
}

TEST(PgError, EndsWhenTheServerSaysNo) {
  const std::vector<std::pair<const char*, ExitCode>> expected = {
      {"28P01", ExitCode::kLoginRefused},  {"28000", ExitCode::kLoginRefused},
      {"3D000", ExitCode::kLoginRefused},  {"42501", ExitCode::kMissingRight},
      {"53400", ExitCode::kServerSetting}, {"55006", ExitCode::kAnotherRelay},
      {"55000", ExitCode::kHaltSlot},      {"58P01", ExitCode::kHaltSlot},
      {"42704", ExitCode::kHaltSlot},      {"42710", ExitCode::kHaltForeignSlot},
      {"42601", ExitCode::kInternal},
  };
  for (const auto& [state, code] : expected) {
    EXPECT_EQ(Translated(state).kind(), ErrorKind::kHalt) << state;
    EXPECT_EQ(Translated(state).exit_code(), code) << state;
  }
}

TEST(PgError, ShowsTheSqlForAMissingRight) {
  EXPECT_THAT(Translated("42501", "denied", "GRANT SELECT ON t TO r;").what(),
              HasSubstr("GRANT SELECT ON t TO r;"));
}

TEST(PgError, NamesTheRightThatPoliciesTakeInsteadOfAGrant) {
  const Error error =
      Translated("42501", "query would be affected by row-level security policy for table \"t\"",
                 "GRANT SELECT ON t TO r;");
  EXPECT_EQ(error.exit_code(), ExitCode::kMissingRight);
  EXPECT_THAT(error.what(), HasSubstr("ALTER ROLE <role> BYPASSRLS;"));
  EXPECT_THAT(error.what(), Not(HasSubstr("GRANT")));
}

TEST(PgError, SaysWhatToDoWhenTheServerDoesNotHaveTheSlotsWal) {
  const Error error = Translated("58P01", "requested WAL segment 0001 has already been removed");
  EXPECT_EQ(error.exit_code(), ExitCode::kHaltSlot);
  EXPECT_THAT(error.what(), HasSubstr("[slot-invalidated] "));
  EXPECT_THAT(error.what(), HasSubstr("WAL segment 0001"));
  EXPECT_THAT(error.what(), HasSubstr("as: bottledwater resnapshot"));
  EXPECT_THAT(Translated("58P01", "could not access file \"pgoutput\"").what(),
              Not(HasSubstr("resnapshot")));
}

TEST(PgError, KnowsTheServersSettings) {
  EXPECT_EQ(Translated("55000", "logical decoding requires wal_level >= logical").exit_code(),
            ExitCode::kServerSetting);
  EXPECT_THAT(
      Translated("42501", "library \"pgoutput\" may not be used as an output plugin").what(),
      HasSubstr("output_plugin_libraries"));
}

TEST(PgError, HaltsForAPublicationThatWasNotThere) {
  const Error error = Translated("42704", "publication \"x\" does not exist");
  EXPECT_EQ(error.exit_code(), ExitCode::kHaltSlot);
  EXPECT_THAT(error.what(), HasSubstr("[publication-missing] "));
}

TEST(PgError, NamesARoleThatWasDroppedWhileConnected) {
  const Error error = Translated("42704", "invalid role OID: 16999");
  EXPECT_EQ(error.exit_code(), ExitCode::kLoginRefused);
  EXPECT_THAT(error.what(), HasSubstr("was dropped"));
  EXPECT_THAT(error.what(), HasSubstr("CREATE ROLE"));
}

TEST(PgError, BeginsAgainWhenTheCatalogChangedUnderIt) {
  const PgErrorContext context{.doing = "read", .remedy_sql = {}, .begin_again_when_missing = true};
  EXPECT_EQ(TranslatePgFailure({"42P01", "no table"}, context).kind(), ErrorKind::kTransient);
  EXPECT_EQ(TranslatePgFailure({"22023", "invalid snapshot"}, context).kind(),
            ErrorKind::kTransient);
  EXPECT_EQ(Translated("42P01").kind(), ErrorKind::kHalt);
}

TEST(PgError, ReadsTheSqlStateOfAFailedConnection) {
  const PgFailure failure = ParseConnectFailure(
      "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password "
      "authentication failed for user \"x\"\nLOCATION:  auth_failed, auth.c:338\n");
  EXPECT_EQ(failure.sqlstate, "28P01");
  EXPECT_EQ(failure.message,
            "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  password "
            "authentication failed for user \"x\"");
}

TEST(PgError, ReadsTheSqlStateInAnyLanguage) {
  EXPECT_EQ(ParseConnectFailure("Verbindung fehlgeschlagen: FATAL:  57P03: das Datenbanksystem "
                                "startet gerade\nORT:  x\n")
                .sqlstate,
            "57P03");
}

TEST(PgError, FindsNoSqlStateWhereNobodyAnswered) {
  EXPECT_EQ(ParseConnectFailure("connection to server at \"h\", port 1 failed: Connection refused\n"
                                "\tIs the server running on that host?\n")
                .sqlstate,
            "");
  EXPECT_EQ(ParseConnectFailure("").sqlstate, "");
  EXPECT_EQ(ParseConnectFailure("FATAL:  ").sqlstate, "");
  EXPECT_EQ(ParseConnectFailure("FATAL:  28P0").sqlstate, "");
}

TEST(PgError, TakesTheLastOfSeveralHosts) {
  EXPECT_EQ(ParseConnectFailure("host a: FATAL:  57P03: starting up\nhost b: FATAL:  3D000: no "
                                "such database\n")
                .sqlstate,
            "3D000");
}

TEST(PgError, EndsOnWhatOnlyTheClientCanMend) {
  EXPECT_EQ(Translated("", "fe_sendauth: no password supplied").exit_code(),
            ExitCode::kLoginRefused);
  EXPECT_EQ(Translated("", "SSL error: certificate verify failed").exit_code(),
            ExitCode::kLoginRefused);
}

}  // namespace
}  // namespace bw
