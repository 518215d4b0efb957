#include "capture/piece_plan.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace bw {
namespace {

std::string RestOf(std::string row, TupleId* id) {
  std::span<char> rest(row);
  *id = TakeTupleId(&rest);
  return {rest.begin(), rest.end()};
}

TEST(TupleId, IsTakenOffARow) {
  TupleId id;
  EXPECT_EQ(RestOf("(4294967294,291)\tvalue\t\\N\n", &id), "value\t\\N\n");
  EXPECT_EQ(id, (TupleId{4294967294, 291}));
  EXPECT_EQ(RestOf("(0,1)\n", &id), "\n");  // A table without columns.
  EXPECT_EQ(id, (TupleId{0, 1}));
}

TEST(TupleId, IsRefusedWhenItIsNone) {
  for (const char* row :
       {"", "7\tvalue", "(7)\tvalue", "(7,x)", "(7,1", "(7,65536)\t", "(4294967296,1)"}) {
    TupleId id;
    EXPECT_THROW(RestOf(row, &id), Error) << row;
  }
}

TEST(TupleId, IsOrderedAsTheTableIs) {
  EXPECT_LT((TupleId{7, 300}), (TupleId{8, 0}));
  EXPECT_LT((TupleId{8, 0}), (TupleId{8, 1}));
  EXPECT_EQ((TupleId{8, 1}).ToSql(), "'(8,1)'::tid");
}

TEST(PieceSize, FollowsTheSpeedOfTheLastPiece) {
  PieceSize size(Duration(50));
  const uint64_t first = size.pages();
  size.Adapt(first, std::chrono::milliseconds(25));
  EXPECT_EQ(size.pages(), 2 * first);
  size.Adapt(1000, std::chrono::milliseconds(500));
  EXPECT_EQ(size.pages(), 100u);
}

TEST(PieceSize, GrowsFourfoldAtMost) {
  PieceSize size(Duration(50));
  const uint64_t first = size.pages();
  size.Adapt(first, std::chrono::nanoseconds(0));
  EXPECT_EQ(size.pages(), 4 * first);
  for (int i = 0; i < 40; ++i) size.Adapt(size.pages(), std::chrono::microseconds(1));
  EXPECT_EQ(size.pages(), 65'536u);
}

TEST(PieceSize, IsNeverNothing) {
  PieceSize size(Duration(50));
  size.Adapt(1, std::chrono::hours(1));
  EXPECT_EQ(size.pages(), 1u);
  size.Adapt(1, std::chrono::nanoseconds(0));
  EXPECT_EQ(size.pages(), 4u);
}

}  // namespace
}  // namespace bw
