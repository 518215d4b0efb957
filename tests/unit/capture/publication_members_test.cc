#include "capture/publication_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/generated_columns.h"

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
  return table;
}

std::vector<std::string> NamesOf(const std::vector<const CapturedTable*>& tables) {
  std::vector<std::string> names;
  for (const CapturedTable* table : tables) names.push_back(table->table.name);
  return names;
}

TEST(PublicationMembers, JoinsWhatHasAnIdentityAndTakesOutWhatHasNone) {
  const std::vector<CapturedTable> tables = {MakeTable(1, "in", true), MakeTable(2, "new", true),
                                             MakeTable(3, "lost", false),
                                             MakeTable(4, "never", false)};
  const MembershipPlan plan =
      PlanMembership(tables, {{100, 1}, {101, 3}}, TableFilter(), /*joins_roots=*/true);
  EXPECT_THAT(NamesOf(plan.join), ElementsAre("new"));
  EXPECT_THAT(NamesOf(plan.take_out), ElementsAre("lost"));
  EXPECT_THAT(NamesOf(plan.inserts_only), ElementsAre("lost", "never"));
}

TEST(PublicationMembers, LeavesWhatIsNotSelectedAloneUnlessItHarms) {
  const std::vector<CapturedTable> tables = {MakeTable(1, "in", true), MakeTable(2, "new", true),
                                             MakeTable(3, "lost", false),
                                             MakeTable(4, "never", false)};
  const MembershipPlan plan =
      PlanMembership(tables, {{100, 1}, {101, 3}}, TableFilter({}, {"*"}), /*joins_roots=*/true);
  EXPECT_THAT(plan.join, IsEmpty());
  EXPECT_THAT(NamesOf(plan.take_out), ElementsAre("lost"));
  EXPECT_THAT(plan.inserts_only, IsEmpty());
}

TEST(PublicationMembers, RefusesFullIdentitiesThatNeedGeneratedColumns) {
  std::vector<CapturedTable> tables = {MakeTable(1, "plain", true),   MakeTable(2, "stored", true),
                                       MakeTable(3, "virtual", true), MakeTable(4, "keyed", true),
                                       MakeTable(5, "root", true),    MakeTable(6, "leaf", true),
                                       MakeTable(7, "middle", true)};
  for (size_t i : {0u, 1u, 2u, 5u}) tables[i].identity = ReplicaIdentity::kFull;
  for (size_t i : {1u, 3u, 4u, 5u}) tables[i].generated_columns.emplace_back();
  tables[2].has_virtual_columns = true;
  tables[2].key_index = "virtual_pkey";
  tables[4].partitioned = tables[6].partitioned = true;
  tables[5].root_oid = tables[6].root_oid = 5;
  RefuseFullIdentities(&tables);
  EXPECT_THAT(NamesOf(PlanMembership(tables, {}, TableFilter(), /*joins_roots=*/true).join),
              ElementsAre("plain", "keyed"));
  EXPECT_THAT(NamesOf(PlanMembership(tables, {}, TableFilter(), /*joins_roots=*/true).inserts_only),
              ElementsAre("stored", "virtual", "root"));
  EXPECT_FALSE(tables[6].has_identity);
  EXPECT_THAT(IdentityRemedies(tables[3]), Not(HasSubstr("FULL")));
  EXPECT_THAT(IdentityRemedies(tables[1]), HasSubstr("\"stored\" REPLICA IDENTITY USING INDEX"));
  EXPECT_THAT(IdentityRemedies(tables[2]), HasSubstr("\"virtual\" REPLICA IDENTITY DEFAULT"));
}

TEST(PublicationMembers, NamesThePartitionedTableForItsPartitions) {
  std::vector<CapturedTable> tables = {MakeTable(1, "root", true), MakeTable(2, "leaf", true)};
  tables[0].partitioned = true;
  tables[1].root_oid = 1;
  EXPECT_THAT(NamesOf(PlanMembership(tables, {}, TableFilter(), /*joins_roots=*/true).join),
              ElementsAre("root"));
  EXPECT_THAT(NamesOf(PlanMembership(tables, {}, TableFilter(), /*joins_roots=*/false).join),
              ElementsAre("leaf"));
  tables[0].has_identity = tables[1].has_identity = false;
  const MembershipPlan plan =
      PlanMembership(tables, {{100, 1}}, TableFilter(), /*joins_roots=*/true);
  EXPECT_THAT(NamesOf(plan.take_out), ElementsAre("root"));
  EXPECT_THAT(NamesOf(plan.inserts_only), ElementsAre("root"));
  EXPECT_THAT(
      NamesOf(PlanMembership(tables, {}, TableFilter(), /*joins_roots=*/false).inserts_only),
      ElementsAre("leaf"));
}

TEST(PublicationMembers, AddsATableWithoutWhatInheritsFromIt) {
  EXPECT_EQ(AddMemberSql("p", MakeTable(1, "a\"b", true)),
            "ALTER PUBLICATION \"p\" ADD TABLE ONLY \"public\".\"a\"\"b\";");
}

}  // namespace
}  // namespace bw
