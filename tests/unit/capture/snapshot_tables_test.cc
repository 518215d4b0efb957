#include "capture/snapshot_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "capture/generated_columns.h"

namespace bw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

CapturedTable MakeTable(uint32_t oid, const std::string& name, int64_t bytes = 0) {
  CapturedTable table;
  table.oid = oid;
  table.table.schema = "public";
  table.table.name = name;
  table.bytes = bytes;
  table.may_use_schema = true;
  table.may_select = true;
  for (const char* column : {"id", "v"}) {
    Column entry;
    entry.name = column;
    table.table.columns.push_back(entry);
  }
  return table;
}

Publication Publishing(std::vector<PublishedTable> tables) {
  Publication publication;
  publication.publishes_insert = true;
  publication.tables = std::move(tables);
  return publication;
}

std::vector<std::string> Names(const std::vector<SnapshotTable>& tables) {
  std::vector<std::string> names;
  for (const SnapshotTable& table : tables) names.push_back(table.described.table.name);
  return names;
}

TEST(SnapshotTables, ReadsPublishedAndSelectedTablesBiggestFirst) {
  const auto chosen =
      ChooseSnapshotTables({MakeTable(1, "small", 10), MakeTable(2, "big", 1000),
                            MakeTable(3, "left_out", 5), MakeTable(4, "excluded", 7)},
                           {Publishing({{"public", "small", {}, 0}, {"public", "excluded", {}, 0}}),
                            Publishing({{"public", "big", {}, 0}, {"public", "small", {}, 0}})},
                           TableFilter({}, {"excluded"}));
  EXPECT_THAT(Names(chosen), ElementsAre("big", "small"));
}

TEST(SnapshotTables, AKeyOfWhichAColumnListHidesAPartIsNone) {
  CapturedTable table = MakeTable(1, "t");
  table.key_index = "t_pkey";
  table.table.columns[0].key = table.table.columns[1].key = true;
  const auto chosen =
      ChooseSnapshotTables({table}, {Publishing({{"public", "t", {"id"}, 0}})}, TableFilter());
  EXPECT_FALSE(chosen[0].described.keyed());
  EXPECT_FALSE(chosen[0].described.table.columns[0].key);
}

TEST(SnapshotTables, CopiesColumnsByName) {
  const auto chosen = ChooseSnapshotTables({MakeTable(1, "t")},
                                           {Publishing({{"public", "t", {}, 0}})}, TableFilter());
  EXPECT_EQ(chosen[0].CopySql({"ONLY t", "", false}),
            "COPY (SELECT \"id\", \"v\" FROM ONLY t) TO STDOUT");
  EXPECT_EQ(chosen[0].CopySql({"ONLY t", "id > 1", true}),
            "COPY (SELECT ctid, \"id\", \"v\" FROM ONLY t WHERE id > 1) TO STDOUT");
}

TEST(SnapshotTables, AppliesColumnListAndRowFilter) {
  const auto chosen = ChooseSnapshotTables(
      {MakeTable(1, "t")}, {Publishing({{"public", "t", {"id"}, 7}})}, TableFilter());
  EXPECT_THAT(chosen[0].row_filters, ElementsAre(7));
  EXPECT_EQ(chosen[0].CopySql({"ONLY t", "(id > 1)", false}),
            "COPY (SELECT \"id\" FROM ONLY t WHERE (id > 1)) TO STDOUT");
}

TEST(SnapshotTables, ReadsARowThatAnyPublicationLetsThrough) {
  const auto filtered = ChooseSnapshotTables(
      {MakeTable(1, "t")},
      {Publishing({{"public", "t", {}, 7}}), Publishing({{"public", "t", {}, 8}})}, TableFilter());
  EXPECT_THAT(filtered[0].row_filters, ElementsAre(7, 8));
  const auto open = ChooseSnapshotTables(
      {MakeTable(1, "t")},
      {Publishing({{"public", "t", {}, 7}}), Publishing({{"public", "t", {}, 0}})}, TableFilter());
  EXPECT_THAT(open[0].row_filters, IsEmpty());
}

TEST(SnapshotTables, ReadsAPartitionedTableThroughItsRootOnce) {
  CapturedTable root = MakeTable(1, "root");
  root.partitioned = true;
  CapturedTable leaf = MakeTable(2, "leaf");
  leaf.root_oid = 1;
  const auto chosen = ChooseSnapshotTables(
      {root, leaf},
      {Publishing({{"public", "root", {}, 0}}), Publishing({{"public", "leaf", {}, 0}})},
      TableFilter());
  ASSERT_THAT(Names(chosen), ElementsAre("root"));
}

TEST(SnapshotTables, ReadsATableWithoutColumns) {
  SnapshotTable table;
  table.described.table = {"public", "t", {}};
  EXPECT_EQ(table.CopySql({"ONLY t", "", false}), "COPY (SELECT  FROM ONLY t) TO STDOUT");
}

TEST(SnapshotTables, RefusesWhatTheRoleMayNotRead) {
  SnapshotTable table{MakeTable(1, "t"), {}};
  EXPECT_NO_THROW(RequireReadable({table}, "relay"));
  table.described.may_select = false;
  try {
    RequireReadable({table}, "relay");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kMissingRight);
    EXPECT_THAT(error.what(), HasSubstr("GRANT SELECT ON TABLE \"public\".\"t\" TO \"relay\";"));
    EXPECT_THAT(error.what(), Not(HasSubstr("GRANT USAGE"))) << "The role has it.";
  }
  table.described.may_select = true;
  table.described.may_use_schema = false;
  try {
    RequireReadable({table}, "relay");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("GRANT USAGE ON SCHEMA \"public\" TO \"relay\";"));
    EXPECT_THAT(error.what(), Not(HasSubstr("GRANT SELECT")));
  }
}

TEST(SnapshotTables, RefusesRowsThatPoliciesWouldHide) {
  SnapshotTable table{MakeTable(1, "t"), {}};
  table.described.row_security = true;
  try {
    RequireReadable({table}, "relay");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kMissingRight);
    EXPECT_THAT(error.what(), HasSubstr("ALTER ROLE \"relay\" BYPASSRLS;"));
    EXPECT_THAT(error.what(), Not(HasSubstr("GRANT")));
    EXPECT_THAT(error.what(), Not(HasSubstr("FORCE")));
  }
}

CapturedTable WithGenerated() {
  CapturedTable table = MakeTable(1, "t");
  for (const auto& [name, place] :
       {std::pair("first", 0), {"between", 1}, {"too", 1}, {"last", 2}}) {
    GeneratedColumn generated;
    generated.column.name = name;
    generated.place = static_cast<size_t>(place);
    table.generated_columns.push_back(generated);
  }
  return table;
}

std::string ColumnsWith(const PublishedTable& entry) {
  const auto chosen = ChooseSnapshotTables({WithGenerated()}, {Publishing({entry})}, TableFilter());
  return chosen.at(0).CopySql({"t", "", false});
}

TEST(SnapshotTables, ReadsTheGeneratedColumnsThatThePublicationSends) {
  EXPECT_THAT(ColumnsWith({"public", "t", {}, 0, false}), HasSubstr(R"(SELECT "id", "v" FROM)"));
  EXPECT_THAT(ColumnsWith({"public", "t", {}, 0, true}),
              HasSubstr(R"(SELECT "first", "id", "between", "too", "v", "last" FROM)"));
  EXPECT_THAT(ColumnsWith({"public", "t", {"id", "too", "last"}, 0, false}),
              HasSubstr(R"(SELECT "id", "too", "last" FROM)"));
}

TEST(SnapshotTables, TellsWhichGeneratedColumnsAreNotSent) {
  const auto told = [](const PublishedTable& entry) {
    return UnsentGeneratedColumns({WithGenerated()}, {Publishing({entry})}, TableFilter());
  };
  EXPECT_THAT(told({"public", "t", {}, 0, false}),
              HasSubstr("public.t (first, between, too, last)"));
  EXPECT_THAT(told({"public", "t", {"id", "first", "last"}, 0, false}),
              HasSubstr("public.t (between, too)"));
  EXPECT_EQ(told({"public", "t", {}, 0, true}), "");
  EXPECT_EQ(told({"public", "other", {}, 0, false}), "");
  EXPECT_EQ(UnsentGeneratedColumns({WithGenerated()}, {Publishing({{"public", "t", {}, 0}})},
                                   TableFilter({}, {"t"})),
            "");
}

}  // namespace
}  // namespace bw
