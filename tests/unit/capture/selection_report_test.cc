#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/table_filter.h"

namespace bw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

CapturedTable MakeTable(const std::string& name, uint32_t root = 0) {
  CapturedTable table;
  table.table.schema = "public";
  table.table.name = name;
  table.root_oid = root;
  return table;
}

class SelectionReportTest : public testing::Test {
 protected:
  SelectionReport Report() {
    std::vector<const CapturedTable*> published;
    for (const CapturedTable& table : tables_) {
      if (!table.is_partition()) published.push_back(&table);
    }
    return ReportSelection(options_, tables_, published);
  }

  std::vector<CapturedTable> tables_ = {MakeTable("orders"), MakeTable("root"),
                                        MakeTable("leaf", 7)};
  CaptureOptions options_;
};

TEST_F(SelectionReportTest, IsEmptyWhereEachPatternSelects) {
  EXPECT_THAT(Report().unmatched, IsEmpty());
  options_.tables = {"public.*"};
  options_.exclude_tables = {"orders"};
  EXPECT_THAT(Report().unmatched, IsEmpty());
  EXPECT_FALSE(Report().selects_nothing);
}

TEST_F(SelectionReportTest, NamesPatternsThatMatchNothing) {
  options_.tables = {"orders", "publc.*", "leaf"};
  options_.exclude_tables = {"secrets"};
  EXPECT_THAT(Report().unmatched,
              ElementsAre(HasSubstr("--tables=publc.* matches no published table"),
                          HasSubstr("--tables=leaf matches only partitions"),
                          HasSubstr("--exclude-tables=secrets matches no published table")));
  EXPECT_FALSE(Report().selects_nothing);
}

TEST_F(SelectionReportTest, SaysThatNothingIsSelected) {
  options_.tables = {"orders"};
  options_.exclude_tables = {"public.*"};
  EXPECT_TRUE(Report().selects_nothing);
  options_ = {};
  tables_.clear();
  EXPECT_FALSE(Report().selects_nothing);  // A database without tables is no mistake.
}

}  // namespace
}  // namespace bw
