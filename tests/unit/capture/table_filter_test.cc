#include "capture/table_filter.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

TEST(TableFilter, SelectsEverythingByDefault) {
  EXPECT_TRUE(TableFilter().Selects("public", "orders"));
  EXPECT_TRUE(TableFilter().selects_everything());
}

TEST(TableFilter, MatchesABareNameInAnySchema) {
  const TableFilter filter({"orders", "*_log"}, {});
  EXPECT_TRUE(filter.Selects("public", "orders"));
  EXPECT_TRUE(filter.Selects("sales", "orders"));
  EXPECT_TRUE(filter.Selects("sales", "audit_log"));
  EXPECT_FALSE(filter.Selects("public", "orders2"));
}

TEST(TableFilter, MatchesAPatternWithADotAgainstSchemaAndTable) {
  const TableFilter filter({"sales.*"}, {});
  EXPECT_TRUE(filter.Selects("sales", "orders"));
  EXPECT_FALSE(filter.Selects("public", "orders"));
  EXPECT_FALSE(filter.Selects("xsales", "orders"));
}

TEST(TableFilter, ExcludesBeforeItIncludes) {
  const TableFilter filter({"public.*"}, {"*_log"});
  EXPECT_TRUE(filter.Selects("public", "orders"));
  EXPECT_FALSE(filter.Selects("public", "audit_log"));
  EXPECT_FALSE(TableFilter({}, {"orders"}).Selects("public", "orders"));
}

TEST(TableFilter, MatchesNamesWithDotsAndSlashes) {
  EXPECT_TRUE(TableFilter({"public.*"}, {}).Selects("public", "a.b/c"));
}

// fnmatch would match what is before it.
TEST(TableFilter, MatchesNothingWithAPatternThatHasANulCharacter) {
  EXPECT_FALSE(TableFilter({std::string("public.orders\0.x", 16)}, {}).Selects("public", "orders"));
}

}  // namespace
}  // namespace bw
