#include "capture/publication_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "capture/publication_members.h"

namespace bw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

CapturedTable MakeTable(uint32_t oid, const std::string& name, bool has_identity) {
  CapturedTable table;
  table.oid = oid;
  table.table.schema = "public";
  table.table.name = name;
  table.has_identity = has_identity;
  if (has_identity) table.key_index = name + "_pkey";
  return table;
}

class PublicationSetupTest : public testing::Test {
 protected:
  PublicationSetupTest() {
    facts_.role = {"postgres", true, true};
    facts_.database = "db";
    facts_.version = 150000;
    facts_.tables = {MakeTable(1, "orders", true), MakeTable(2, "users", true)};
  }
  void AddUnkeyed(const std::string& name) { facts_.tables.push_back(MakeTable(9, name, false)); }
  Publication Existing(const std::string& name, bool all_tables) {
    Publication publication;
    publication.name = name;
    publication.all_tables = all_tables;
    publication.publishes_insert = true;
    publication.publishes_update = true;
    publication.publishes_delete = true;
    publication.via_root = true;
    return publication;
  }
  PublicationPlan Plan() { return PlanPublications(facts_, options_); }
  std::pair<ExitCode, std::string> Refusal() {
    try {
      Plan();
    } catch (const Error& error) {
      return {error.exit_code(), error.what()};
    }
    return {ExitCode::kOk, ""};
  }

  PublicationFacts facts_;
  CaptureOptions options_;
};

std::vector<std::string> NamesOf(const std::vector<CapturedTable>& tables) {
  std::vector<std::string> names;
  for (const CapturedTable& table : tables) names.push_back(table.table.name);
  return names;
}

TEST_F(PublicationSetupTest, MakesThePairAlsoWhenEachTableIsKeyed) {
  const PublicationPlan plan = Plan();
  EXPECT_THAT(plan.names, ElementsAre("bottledwater", "bottledwater_inserts"));
  EXPECT_THAT(plan.create_sql,
              ElementsAre("CREATE PUBLICATION \"bottledwater\" WITH "
                          "(publish_via_partition_root = true);",
                          "CREATE PUBLICATION \"bottledwater_inserts\" FOR ALL TABLES WITH "
                          "(publish = 'insert', publish_via_partition_root = true);"));
  EXPECT_THAT(NamesOf(plan.join), ElementsAre("orders", "users"));
}

TEST_F(PublicationSetupTest, LeavesOutWhatPostgres12DoesNotKnow) {
  facts_.version = 120000;
  EXPECT_THAT(Plan().create_sql,
              ElementsAre("CREATE PUBLICATION \"bottledwater\";",
                          "CREATE PUBLICATION \"bottledwater_inserts\" FOR ALL TABLES WITH "
                          "(publish = 'insert');"));
}

TEST_F(PublicationSetupTest, RefusesUnkeyedTablesWithEachRemedy) {
  AddUnkeyed("log");
  facts_.tables.back().candidate_index = "log_unique";
  const auto [code, text] = Refusal();
  EXPECT_EQ(code, ExitCode::kUnkeyedTables);
  EXPECT_THAT(text, HasSubstr("public.log"));
  EXPECT_THAT(text, HasSubstr("ALTER TABLE \"public\".\"log\" ADD PRIMARY KEY"));
  EXPECT_THAT(text, HasSubstr("ALTER TABLE \"public\".\"log\" REPLICA IDENTITY USING INDEX "
                              "\"log_unique\";"));
  EXPECT_THAT(text, HasSubstr("ALTER TABLE \"public\".\"log\" REPLICA IDENTITY FULL;"));
  EXPECT_THAT(text, HasSubstr("--allow-unkeyed"));
  EXPECT_THAT(text, Not(HasSubstr("orders")));
}

TEST_F(PublicationSetupTest, RefusesOneUnkeyedTableInTheSingular) {
  AddUnkeyed("log");
  EXPECT_THAT(Refusal().second, HasSubstr("Table public.log is without replica identity."));
  EXPECT_THAT(Refusal().second, HasSubstr("(1) run one of these:"));
  EXPECT_THAT(Refusal().second, Not(HasSubstr("their")));
  AddUnkeyed("more");
  EXPECT_THAT(Refusal().second, HasSubstr("2 tables are without replica identity: public.log"));
  EXPECT_THAT(Refusal().second, HasSubstr("(1) run one of these for each:"));
}

TEST_F(PublicationSetupTest, RefusesAKeyWithAGeneratedColumnByItsName) {
  AddUnkeyed("log");
  facts_.tables.back().generated_key_columns = "kind";
  const auto [code, text] = Refusal();
  EXPECT_EQ(code, ExitCode::kUnkeyedTables);
  EXPECT_THAT(text, HasSubstr("public.log (its key has the generated column kind"));
  EXPECT_THAT(text, HasSubstr("USING INDEX <unique index over NOT NULL columns that are not"));
  EXPECT_THAT(text, Not(HasSubstr("PRIMARY KEY")));
  EXPECT_THAT(text, Not(HasSubstr("refuses")));
  facts_.version = 180000;
  EXPECT_THAT(Refusal().second, HasSubstr("refuses every UPDATE"));
}

TEST_F(PublicationSetupTest, PublishesUnkeyedTablesByTheirInsertsWhenAllowed) {
  AddUnkeyed("log");
  options_.allow_unkeyed = true;
  const PublicationPlan plan = Plan();
  EXPECT_THAT(NamesOf(plan.join), ElementsAre("orders", "users"));
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("public.log")));
}

TEST_F(PublicationSetupTest, NeverJoinsWhatIsExcluded) {
  AddUnkeyed("log");
  options_.exclude_tables = {"log", "users"};
  EXPECT_THAT(NamesOf(Plan().join), ElementsAre("orders"));
}

TEST_F(PublicationSetupTest, NamesAPartitionedTableInsteadOfItsPartitions) {
  CapturedTable root = MakeTable(20, "events", false);
  root.partitioned = true;
  CapturedTable leaf = MakeTable(21, "events_2026", false);
  leaf.root_oid = 20;
  facts_.tables.push_back(root);
  facts_.tables.push_back(leaf);
  const auto [code, text] = Refusal();
  EXPECT_EQ(code, ExitCode::kUnkeyedTables);
  EXPECT_THAT(text, HasSubstr("Table public.events is without"));
  EXPECT_THAT(text, Not(HasSubstr("events_2026")));
}

TEST_F(PublicationSetupTest, ShowsTheSqlToARoleThatMayNotCreate) {
  facts_.role = {"relay", false, true};
  const auto [code, text] = Refusal();
  EXPECT_EQ(code, ExitCode::kMissingRight);
  EXPECT_THAT(text, HasSubstr("CREATE PUBLICATION \"bottledwater\" FOR TABLE ONLY "
                              "\"public\".\"orders\", ONLY \"public\".\"users\" WITH"));
  EXPECT_THAT(text, HasSubstr("CREATE PUBLICATION \"bottledwater_inserts\" FOR ALL TABLES WITH"));
  EXPECT_THAT(text, HasSubstr("ALTER PUBLICATION \"bottledwater\" OWNER TO \"relay\";"));
  EXPECT_THAT(text, HasSubstr("--publication"));
}

TEST_F(PublicationSetupTest, UsesAGivenPublicationAsItIs) {
  options_.publication = "mine";
  Publication mine = Existing("mine", false);
  mine.tables = {{"public", "orders", {}, 0}};
  facts_.existing = {mine};
  facts_.role = {"relay", false, true};
  const PublicationPlan plan = Plan();
  EXPECT_THAT(plan.names, ElementsAre("mine"));
  EXPECT_THAT(plan.create_sql, IsEmpty());
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("public.users")));
}

TEST_F(PublicationSetupTest, SaysWhatAGivenPublicationFilters) {
  options_.publication = "mine";
  Publication mine = Existing("mine", false);
  mine.publishes_delete = false;
  mine.tables = {{"public", "orders", {"id"}, 7}, {"public", "users", {}, 0}};
  facts_.existing = {mine};
  facts_.tables[0].table.columns.resize(2);
  EXPECT_THAT(Plan().warnings, ElementsAre(HasSubstr("deletes"), HasSubstr("row filter"),
                                           HasSubstr("1 of 2 columns")));
}

TEST_F(PublicationSetupTest, SaysWhomAGivenPublicationHarms) {
  options_.publication = "mine";
  AddUnkeyed("log");
  Publication mine = Existing("mine", true);
  mine.tables = {{"public", "orders", {}, 0}, {"public", "users", {}, 0}, {"public", "log", {}, 0}};
  facts_.existing = {mine};
  EXPECT_THAT(Plan().warnings, ElementsAre(HasSubstr("public.log")));
}

TEST_F(PublicationSetupTest, SaysWhichStatementsAColumnListBreaks) {
  options_.publication = "mine";
  Publication mine = Existing("mine", false);
  mine.tables = {{"public", "orders", {"v"}, 0}, {"public", "users", {}, 0}};
  facts_.tables[0].table.columns = std::vector<Column>(2);
  facts_.tables[0].table.columns[0].name = "id";
  facts_.tables[0].table.columns[0].key = true;
  facts_.tables[0].table.columns[1].name = "v";
  facts_.existing = {mine};
  EXPECT_THAT(Plan().warnings,
              ElementsAre(HasSubstr("1 of 2 columns"),
                          HasSubstr("PostgreSQL refuses UPDATE and DELETE on it")));
  facts_.existing[0].tables[0].columns = {"id"};
  EXPECT_THAT(Plan().warnings, ElementsAre(HasSubstr("1 of 2 columns")));
  facts_.tables[0].identity = ReplicaIdentity::kFull;
  EXPECT_THAT(Plan().warnings, ElementsAre(HasSubstr("1 of 2"), HasSubstr("refuses UPDATE")));
}

TEST_F(PublicationSetupTest, RefusesAGivenPublicationThatIsNotThere) {
  options_.publication = "mine";
  const auto [code, text] = Refusal();
  EXPECT_EQ(code, ExitCode::kServerSetting);
  EXPECT_THAT(text, HasSubstr("CREATE PUBLICATION \"mine\""));
}

TEST_F(PublicationSetupTest, UsesOneThatAnUnfinishedStartLeft) {
  Publication ours = Existing("bottledwater", true);
  ours.tables = {{"public", "orders", {}, 0}, {"public", "users", {}, 0}};
  facts_.existing = {ours};
  const PublicationPlan plan = Plan();
  EXPECT_THAT(plan.names, ElementsAre("bottledwater"));
  EXPECT_THAT(plan.create_sql, IsEmpty());
}

TEST_F(PublicationSetupTest, CompletesAPairThatIsThereAlready) {
  Publication whole = Existing("bottledwater", false);
  whole.tables = {{"public", "orders", {}, 0}};
  Publication inserts = Existing("bottledwater_inserts", true);
  inserts.publishes_update = inserts.publishes_delete = false;
  facts_.existing = {whole, inserts};
  EXPECT_THAT(Plan().create_sql, IsEmpty());
  EXPECT_THAT(NamesOf(Plan().join), ElementsAre("users"));
  AddUnkeyed("log");
  EXPECT_EQ(Refusal().first, ExitCode::kUnkeyedTables);
  EXPECT_THAT(Refusal().second, Not(HasSubstr("DROP TABLE")));
  options_.allow_unkeyed = true;
  EXPECT_THAT(NamesOf(Plan().join), ElementsAre("users"));
}

// As after an upgrade to a version that refuses its updates.
TEST_F(PublicationSetupTest, SaysHowToWriteToWhatAPairOfAnEarlierLifeHarms) {
  AddUnkeyed("log");
  Publication whole = Existing("bottledwater", false);
  whole.tables = {{"public", "orders", {}, 0}, {"public", "log", {}, 0}};
  Publication inserts = Existing("bottledwater_inserts", true);
  inserts.publishes_update = inserts.publishes_delete = false;
  facts_.existing = {whole, inserts};
  EXPECT_THAT(Refusal().second,
              HasSubstr("ALTER PUBLICATION \"bottledwater\" DROP TABLE ONLY \"public\".\"log\";"));
}

TEST_F(PublicationSetupTest, SeesAPartitionThatIsPublishedUnderItsOwnName) {
  CapturedTable root = MakeTable(3, "root", false);
  root.partitioned = true;
  CapturedTable leaf = MakeTable(4, "leaf", false);
  leaf.root_oid = 3;
  const std::vector<CapturedTable> tables = {root, leaf};
  Publication publication = Existing("mine", false);
  for (const std::string name : {"root", "leaf"}) {
    publication.tables = {{"public", name, {}, 0}};
    const auto harmed = HarmedTables(tables, {publication});
    ASSERT_EQ(harmed.size(), 1u);
    EXPECT_EQ(harmed[0]->table.name, name);
  }
  publication.tables.clear();
  publication.all_tables = true;
  EXPECT_THAT(HarmedTables(tables, {publication}), ElementsAre(&tables[0]));
}

TEST_F(PublicationSetupTest, RefusesOneOfOurNameThatHarms) {
  AddUnkeyed("log");
  options_.allow_unkeyed = true;
  facts_.existing = {Existing("bottledwater", true)};
  const auto [code, text] = Refusal();
  EXPECT_EQ(code, ExitCode::kUnkeyedTables);
  EXPECT_THAT(text, HasSubstr("DROP PUBLICATION \"bottledwater\";"));
}

TEST_F(PublicationSetupTest, SaysHowToMakeThoseThatAreGone) {
  ServerView view;
  view.identity.version = 150000;
  view.role = {"relay", false, true};
  const Halt one = PublicationsGone({"bottledwater"}, options_, view);
  EXPECT_EQ(one.exit_code, ExitCode::kServerSetting);
  EXPECT_THAT(one.Message(), HasSubstr("Publication \"bottledwater_inserts\" is gone."));
  EXPECT_THAT(one.Message(), Not(HasSubstr("OWNER TO")));
  EXPECT_THAT(one.Message(), HasSubstr("otherwise run the same, and then take the snapshot again"));
  const std::string both = PublicationsGone({}, options_, view).Message();
  EXPECT_THAT(both, HasSubstr("\"bottledwater\" and \"bottledwater_inserts\" are gone."));
  EXPECT_THAT(both, HasSubstr("ALTER PUBLICATION \"bottledwater\" OWNER TO \"relay\";"));
}

}  // namespace
}  // namespace bw
