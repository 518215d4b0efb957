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

TEST(SqlText, QuotesPublicationNamesTwice) {
  EXPECT_EQ(QuotePublicationNames({"a", "b\"c", "d'e"}), "'\"a\",\"b\"\"c\",\"d''e\"'");
}

}  // namespace
}  // namespace bw
