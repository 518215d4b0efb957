#include <gtest/gtest.h>

#include <set>

#include "avro/name.h"
#include "unit/avro/avro_test_util.h"

namespace bw {
namespace {

using Names = std::vector<std::string>;

Names NamesOf(const Names& columns) {
  Table table;
  for (const std::string& name : columns) {
    table.columns.push_back(MakeColumn(name, type_oid::kText));
  }
  return FieldNames(table);
}

TEST(FieldNames, AreTheSafeColumnNames) {
  EXPECT_EQ(NamesOf({"id", "1a", "é"}), (Names{"id", "_31_a", "_c3__a9_"}));
  EXPECT_EQ(NamesOf({}), Names{});
}

TEST(FieldNames, LeaveANameToTheColumnThatIsCalledSo) {
  EXPECT_EQ(NamesOf({"a-b", "a_2d_b"}), (Names{"a_2d_b_2", "a_2d_b"}));
}

TEST(FieldNames, NumberCollidingColumnsAroundNamesThatAreTaken) {
  EXPECT_EQ(NamesOf({"a_2d_b", "a-b", "a_2d_b_2"}), (Names{"a_2d_b", "a_2d_b_3", "a_2d_b_2"}));
  // The safe name of "-_2" is free only until that column takes it.
  EXPECT_EQ(NamesOf({"_2d_", "-", "-_2"}), (Names{"_2d_", "_2d__3", "_2d__2"}));
}

TEST(FieldNames, AreUniqueWhateverCollides) {
  const Names names = NamesOf({"-", "_2d_", "-_2", "_2d__2", "-_2_2", "_2d__2_2", "_2d__3"});
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

}  // namespace
}  // namespace bw
