#include "avro/postgres_type_name.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

struct Case {
  uint32_t oid;
  int32_t typmod;
  const char* name;
};

TEST(PostgresTypeName, PrintsWhatFormatTypePrints) {
  // format_type(atttypid, atttypmod) of PostgreSQL 15 for a table with such columns.
  const Case cases[] = {
      {16, -1, "boolean"},
      {23, -1, "integer"},
      {701, -1, "double precision"},
      {3802, -1, "jsonb"},
      {1043, 24, "character varying(20)"},
      {1042, 7, "character(3)"},
      {1042, 5, "character(1)"},
      {1043, -1, "character varying"},
      {1700, 655366, "numeric(10,2)"},
      {1700, 327684, "numeric(5,0)"},
      {1700, 198658, "numeric(3,-2)"},
      {1700, 196617, "numeric(3,5)"},
      {1700, -1, "numeric"},
      {1083, 3, "time(3) without time zone"},
      {1083, -1, "time without time zone"},
      {1266, 0, "time(0) with time zone"},
      {1114, 3, "timestamp(3) without time zone"},
      {1114, -1, "timestamp without time zone"},
      {1184, 6, "timestamp(6) with time zone"},
      {1184, 0, "timestamp(0) with time zone"},
      {1186, -1, "interval"},
      {1186, 2147418115, "interval(3)"},
      {1186, 458751, "interval year to month"},
      {1186, 268435458, "interval second(2)"},
      {1186, 470286339, "interval day to second(3)"},
      {1560, 5, "bit(5)"},
      {1562, 10, "bit varying(10)"},
      {1562, -1, "bit varying"},
      {1560, 1, "bit(1)"},
      {1015, 11, "character varying(7)[]"},
      {1231, 655366, "numeric(10,2)[]"},
      {1014, 8, "character(4)[]"},
      {1186, 402718719, "interval minute to second"},
      {1186, 67174399, "interval hour"},
      {1042, -1, "bpchar"},
      {18, -1, "\"char\""},
      {1186, 201916415, "interval day to minute"},
      {1185, 2, "timestamp(2) with time zone[]"},
      {1009, -1, "text[]"},
      {1186, 196607, "interval month"},
      {1186, 469827583, "interval hour to second"},
      {30, -1, "oidvector"},
      {3904, -1, "int4range"},
      {1186, 67698687, "interval day to hour"},
      {1186, 201392127, "interval hour to minute"},
  };
  for (const Case& c : cases) EXPECT_EQ(PostgresTypeName(c.oid, c.typmod), c.name) << c.oid;
}

TEST(PostgresTypeName, TakesTheNameOfAUsersType) {
  EXPECT_EQ(PostgresTypeName(16999, -1, "mood"), "mood");
  EXPECT_EQ(PostgresTypeName(16999, 5, "mood"), "mood");
}

TEST(PostgresTypeName, QuotesAUsersTypeThatBearsABuiltInName) {
  EXPECT_EQ(PostgresTypeName(16999, -1, "json"), "\"json\"");
  EXPECT_EQ(PostgresTypeName(16999, -1, "integer"), "\"integer\"");
}

// The catalog would have a name for them, pgoutput sends none.
TEST(PostgresTypeName, IgnoresNamesBelowTheFirstGeneratedOid) {
  EXPECT_EQ(PostgresTypeName(9999, -1, "from_a_newer_server"), "oid 9999");
  EXPECT_EQ(PostgresTypeName(23, -1, "int4"), "integer");
  EXPECT_EQ(PostgresTypeName(16999, -1), "oid 16999");
}

TEST(PostgresTypeName, SurvivesAnyModifier) {
  for (uint32_t oid = 0; oid < 7000; ++oid) {
    for (const int32_t typmod : {INT32_MIN, -2, -1, 0, 1, 3, 4, 5, 1 << 16, INT32_MAX}) {
      EXPECT_FALSE(PostgresTypeName(oid, typmod).empty());
    }
  }
}

}  // namespace
}  // namespace bw
