#include "capture/server_inspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace bw {
namespace {

using testing::HasSubstr;

ServerView GoodView() {
  ServerView view;
  view.identity.version = 150004;
  view.settings.wal_level = "logical";
  view.settings.max_replication_slots = 4;
  view.settings.max_wal_senders = 10;
  view.settings.application_name = "bottledwater";
  view.role = {"relay", false, true};
  return view;
}

template <typename Require>
std::pair<ExitCode, std::string> Refusal(Require require) {
  try {
    require();
  } catch (const Error& error) {
    return {error.exit_code(), error.what()};
  }
  return {ExitCode::kOk, ""};
}

TEST(ServerInspection, AcceptsAServerThatIsSetUp) {
  EXPECT_NO_THROW(RequireCapturable(GoodView()));
  EXPECT_NO_THROW(RequireFreeSlot(GoodView()));
}

TEST(ServerInspection, RefusesAPolicyForTruncatesThatTheServerDoesNotSend) {
  ServerView view = GoodView();
  EXPECT_NO_THROW(RequireCapturable(view, OnTruncate::kHalt));
  view.identity.version = 100023;
  EXPECT_NO_THROW(RequireCapturable(view, OnTruncate::kLog));
  const auto refusal = Refusal([&] { RequireCapturable(view, OnTruncate::kTombstones); });
  EXPECT_EQ(refusal.first, ExitCode::kServerSetting);
  EXPECT_THAT(refusal.second, HasSubstr("--on-truncate=log"));
}

TEST(ServerInspection, RefusesWrongSettingsWithTheirRemedy) {
  ServerView view = GoodView();
  view.settings.wal_level = "replica";
  auto refusal = Refusal([&] { RequireCapturable(view); });
  EXPECT_EQ(refusal.first, ExitCode::kServerSetting);
  EXPECT_THAT(refusal.second, HasSubstr("ALTER SYSTEM SET wal_level = logical;"));

  view = GoodView();
  view.settings.max_wal_senders = 0;
  EXPECT_EQ(Refusal([&] { RequireCapturable(view); }).first, ExitCode::kServerSetting);

  view = GoodView();
  view.identity.version = 90624;
  EXPECT_EQ(Refusal([&] { RequireCapturable(view); }).first, ExitCode::kServerSetting);

  view = GoodView();
  view.settings.used_replication_slots = 4;
  refusal = Refusal([&] { RequireFreeSlot(view); });
  EXPECT_EQ(refusal.first, ExitCode::kServerSetting);
  EXPECT_THAT(refusal.second, HasSubstr("max_replication_slots"));
}

TEST(ServerInspection, RefusesARoleThatMayNotReplicate) {
  ServerView view = GoodView();
  view.role.replication = false;
  const auto refusal = Refusal([&] { RequireCapturable(view); });
  EXPECT_EQ(refusal.first, ExitCode::kMissingRight);
  EXPECT_THAT(refusal.second, HasSubstr("ALTER ROLE \"relay\" REPLICATION;"));
  view.role.superuser = true;
  EXPECT_NO_THROW(RequireCapturable(view));
}

TEST(ServerInspection, WaitsForAStandbyToBePromoted) {
  ServerView view = GoodView();
  view.identity.in_recovery = true;
  try {
    RequireCapturable(view);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kTransient);
  }
}

TEST(ServerInspection, RefusesToBecomeASynchronousStandby) {
  ServerView view = GoodView();
  view.settings.synchronous_standby_names = "*";
  const auto refusal = Refusal([&] { RequireCapturable(view); });
  EXPECT_EQ(refusal.first, ExitCode::kServerSetting);
  EXPECT_THAT(refusal.second, HasSubstr("application_name="));
}

TEST(ServerInspection, ReadsSynchronousStandbyNames) {
  for (const char* names :
       {"*", "bottledwater", "BottledWater", "a, bottledwater", "FIRST 1 (a, bottledwater)",
        "ANY 2 (\"bottledwater\", b)", "2 (a,*)", "1(bottledwater)", "\"*\""}) {
    EXPECT_TRUE(NamesSynchronousStandby(names, "bottledwater")) << names;
  }
  for (const char* names :
       {"", "a", "bottledwater2", "FIRST 1 (a, b)", "\"bottled water\"", "first 1 (first, any)"}) {
    EXPECT_FALSE(NamesSynchronousStandby(names, "bottledwater")) << names;
  }
  // FIRST here is a keyword, not a standby.
  EXPECT_FALSE(NamesSynchronousStandby("FIRST 1 (a)", "FIRST"));
}

TEST(ServerInspection, ReadsTimelineHistory) {
  const auto history = ParseTimelineHistory(
      "1\t0/5000148\tno recovery target specified\n\n# comment\n2\t0/7000000\tbefore 2000-01-01\n");
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].timeline, 1u);
  EXPECT_EQ(history[0].switch_point.ToString(), "0/5000148");
  EXPECT_EQ(history[1].timeline, 2u);
  EXPECT_THROW(ParseTimelineHistory("garbage\n"), Error);
  EXPECT_THROW(ParseTimelineHistory("1\n"), Error);
}

TEST(ServerInspection, KnowsWhereATimelineEnded) {
  ServerIdentity identity;
  identity.timeline = 3;
  identity.history = {{1, Lsn{100}}, {2, Lsn{200}}};
  EXPECT_EQ(identity.SwitchPointOf(3), std::nullopt);
  EXPECT_EQ(identity.SwitchPointOf(2), Lsn{200});
  EXPECT_EQ(identity.SwitchPointOf(7), Lsn::Invalid());
}

}  // namespace
}  // namespace bw
