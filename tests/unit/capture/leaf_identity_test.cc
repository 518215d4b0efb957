#include "capture/leaf_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bw {
namespace {

using testing::HasSubstr;

CapturedTable MakeTable(uint32_t oid, uint32_t root, ReplicaIdentity identity,
                        const std::vector<std::string>& key) {
  CapturedTable table;
  table.oid = oid;
  table.root_oid = root;
  table.partitioned = root == 0;
  table.identity = identity;
  table.table.schema = "public";
  table.table.name = root == 0 ? "root" : "leaf" + std::to_string(oid);
  for (const std::string name : {"id", "code", "v"}) {
    Column column;
    column.name = name;
    column.key = std::find(key.begin(), key.end(), name) != key.end();
    table.table.columns.push_back(column);
  }
  if (!key.empty()) table.key_index = "by_key";
  table.has_identity = identity == ReplicaIdentity::kFull || !key.empty();
  return table;
}

CapturedTable Root(ReplicaIdentity identity, const std::vector<std::string>& key) {
  return MakeTable(1, 0, identity, key);
}

std::vector<TableName> Unfit(std::vector<CapturedTable> tables) {
  CompareLeaves(&tables);
  EXPECT_EQ(tables[0].has_identity, tables[0].unfit_leaves.empty());
  return tables[0].unfit_leaves;
}

TEST(LeafIdentity, FitsWhenItHasTheRootsKey) {
  const auto kDefault = ReplicaIdentity::kDefault;
  EXPECT_TRUE(Unfit({Root(kDefault, {"id"}), MakeTable(2, 1, kDefault, {"id"}),
                     MakeTable(3, 1, ReplicaIdentity::kFull, {"id"}),
                     MakeTable(4, 1, ReplicaIdentity::kFull, {}),
                     MakeTable(5, 1, ReplicaIdentity::kIndex, {"id", "code"})})
                  .empty());
  EXPECT_TRUE(
      Unfit({Root(ReplicaIdentity::kFull, {"id"}), MakeTable(2, 1, kDefault, {"id"})}).empty());
}

TEST(LeafIdentity, SaysWhetherPostgresRefusesUpdatesOfALeaf) {
  for (const auto& [identity, key, refuses] :
       std::vector<std::tuple<ReplicaIdentity, std::vector<std::string>, bool>>{
           {ReplicaIdentity::kIndex, {"code"}, false}, {ReplicaIdentity::kNothing, {}, true}}) {
    std::vector<CapturedTable> tables = {Root(ReplicaIdentity::kIndex, {"id"}),
                                         MakeTable(2, 1, identity, key)};
    CompareLeaves(&tables);
    EXPECT_EQ(tables[0].refuses_in_leaves, refuses);
    EXPECT_THAT(LeafRemedies(tables[0]), HasSubstr("IDENTITY FULL;"));
    tables[0].full_is_no_remedy = true;
    EXPECT_THAT(LeafRemedies(tables[0]), HasSubstr("USING INDEX <its index over that key>"));
  }
}

TEST(LeafIdentity, IsUnfitWithOtherColumnsOrNone) {
  std::vector<CapturedTable> tables = {Root(ReplicaIdentity::kDefault, {"id"}),
                                       MakeTable(2, 1, ReplicaIdentity::kIndex, {"code"}),
                                       MakeTable(3, 1, ReplicaIdentity::kNothing, {}),
                                       MakeTable(4, 9, ReplicaIdentity::kNothing, {})};
  EXPECT_EQ(Unfit(tables), (std::vector<TableName>{{"public", "leaf2"}, {"public", "leaf3"}}));
  CompareLeaves(&tables);
  EXPECT_EQ(UnfitLeavesOf(tables[0]), "public.leaf2, public.leaf3");
  EXPECT_THAT(LeafRemedies(tables[0]),
              HasSubstr(R"(ALTER TABLE "public"."leaf2" REPLICA IDENTITY DEFAULT;)"));
}

TEST(LeafIdentity, OfARootWithoutOneIsNotAsked) {
  std::vector<CapturedTable> tables = {Root(ReplicaIdentity::kDefault, {}),
                                       MakeTable(2, 1, ReplicaIdentity::kDefault, {})};
  CompareLeaves(&tables);
  EXPECT_TRUE(tables[0].unfit_leaves.empty());
  EXPECT_FALSE(tables[0].has_identity);
}

}  // namespace
}  // namespace bw
