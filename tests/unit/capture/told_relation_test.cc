#include <gtest/gtest.h>

#include "capture/full_key.h"
#include "capture/key_watch.h"

namespace bw {
namespace {

class ToldRelationTest : public ::testing::Test {
 protected:
  ToldRelationTest() {
    now_.oid = 7;
    now_.table.schema = "public";
    now_.table.name = "t";
    for (const char* name : {"id", "code"}) {
      Column column;
      column.name = name;
      column.type_oid = 23;
      column.type_name = "integer";
      column.key = column.name == "id";
      now_.table.columns.push_back(column);
    }
    told_ = {TableKeyOf(now_.oid, now_.table), now_.identity};
  }
  bool IsOutdatedAs(bool partitioned) {
    now_.partitioned = partitioned;
    return IsOutdated(told_, now_);
  }

  CapturedTable now_;
  ToldRelation told_;
};

TEST_F(ToldRelationTest, IsNotOutdatedAsLongAsNothingChanged) {
  EXPECT_FALSE(IsOutdatedAs(true));
  EXPECT_FALSE(IsOutdatedAs(false));
}

TEST_F(ToldRelationTest, IsOutdatedUnderAnotherSchema) {
  now_.table.schema = "other";
  EXPECT_TRUE(IsOutdatedAs(true));
  EXPECT_TRUE(IsOutdatedAs(false));
}

TEST_F(ToldRelationTest, OfARenamedTableOnlyARootIsOutdated) {
  now_.table.name = "other";
  EXPECT_TRUE(IsOutdatedAs(true));
  EXPECT_FALSE(IsOutdatedAs(false));
}

TEST_F(ToldRelationTest, OfATableWithAnotherIdentityOnlyARootIsOutdated) {
  now_.table.columns[1].key = true;
  EXPECT_TRUE(IsOutdatedAs(true));
  EXPECT_FALSE(IsOutdatedAs(false));
  now_.identity = told_.identity = ReplicaIdentity::kFull;
  EXPECT_FALSE(IsOutdatedAs(true));  // Its key is not the stream's.
  told_.identity = ReplicaIdentity::kDefault;
  EXPECT_TRUE(IsOutdatedAs(true));
}

TEST_F(ToldRelationTest, AKeyThatAColumnListHidesIsNotOutdated) {
  std::erase_if(told_.form.columns, [](const auto& column) { return column.name == "id"; });
  told_.form.key.clear();
  EXPECT_FALSE(IsOutdatedAs(true));
}

}  // namespace
}  // namespace bw
