#include "capture/sql_text.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

TEST(SqlText, QuotesIdentifiers) {
  EXPECT_EQ(QuoteIdentifier("a"), "\"a\"");
  EXPECT_EQ(QuoteIdentifier("a\"; DROP TABLE x; --"), "\"a\"\"; DROP TABLE x; --\"");
  EXPECT_EQ(QuoteTable("s", "a.b"), "\"s\".\"a.b\"");
}

TEST(SqlText, QuotesLiterals) {
  EXPECT_EQ(QuoteLiteral("it's"), "'it''s'");
  EXPECT_EQ(QuoteLiteral("a\\b"), "'a\\b'");
}

// What people are told to run can be copied from the log.
TEST(SqlText, SpellsOutWhatCannotBeShown) {
  EXPECT_EQ(QuoteIdentifier("a\n\\\"b"), "U&\"a\\000a\\\\\"\"b\"");
  EXPECT_EQ(QuoteIdentifier("\u202E\U000E0041\u00E9"), "U&\"\\202e\\+0e0041\u00E9\"");
  EXPECT_EQ(QuoteIdentifier("a\\b"), "\"a\\b\"");
  EXPECT_EQ(QuoteIdentifier("\xFF"), "\"\xFF\"");  // Of an SQL_ASCII database.
}

TEST(SqlText, QuotesPublicationNamesTwice) {
  EXPECT_EQ(QuotePublicationNames({"a", "b\"c", "d'e"}), "'\"a\",\"b\"\"c\",\"d''e\"'");
}

// Where these are wrong, every look at an older server's catalog is an error.
TEST(SqlText, AsksOlderServersOnlyForWhatTheirCatalogHas) {
  EXPECT_STREQ(CatalogTerms(100023).generated, "''");
  EXPECT_STREQ(CatalogTerms(100023).key_size, "i.indnatts");
  EXPECT_STREQ(CatalogTerms(110022).generated, "''");
  EXPECT_STREQ(CatalogTerms(110022).key_size, "i.indnkeyatts");
  EXPECT_STREQ(CatalogTerms(120000).generated, "a.attgenerated");
}

}  // namespace
}  // namespace bw
