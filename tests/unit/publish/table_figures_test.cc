#include "publish/table_figures.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

TEST(TableFigures, CountsWhatIsCommittedAndForgetsTheRest) {
  TableFigures tables;
  TableFigures::Counter* const counter = tables.Find("public.a");
  tables.Begin();
  tables.Add(counter, {.changes = 1, .bytes = 10});
  tables.Add(counter, {.changes = 1, .bytes = 20});
  EXPECT_EQ(tables.List().at("public.a").changes, 0U);
  tables.Commit();
  tables.Begin();
  tables.Add(counter, {.changes = 5, .bytes = 500});  // Never committed.
  tables.Begin();
  tables.Add(tables.Find("public.a"), {.rows_refused = 1});
  tables.Commit();
  EXPECT_EQ(tables.List().at("public.a").changes, 2U);
  EXPECT_EQ(tables.List().at("public.a").bytes, 30U);
  EXPECT_EQ(tables.List().at("public.a").rows_refused, 1U);
}

TEST(TableFigures, TablesBeyondTheBoundAreCountedTogether) {
  TableFigures tables;
  for (size_t i = 0; i < TableFigures::kTablesMax + 50; ++i) {
    tables.Add(tables.Find("public.t" + std::to_string(i)), {.changes = 1});
  }
  tables.Commit();
  EXPECT_EQ(tables.List().size(), TableFigures::kTablesMax + 1);
  EXPECT_EQ(tables.List().at(TableFigures::kOthers).changes, 50U);
}

}  // namespace
}  // namespace bw
