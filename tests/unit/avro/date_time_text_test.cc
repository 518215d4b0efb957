#include "avro/date_time_text.h"

#include <gtest/gtest.h>

#include <string>

#include "avro/value_kind.h"

namespace bw {
namespace {

template <typename Integer>
using Parser = ValueStatus (*)(std::string_view, Integer*);

template <typename Integer>
Integer Parse(Parser<Integer> parse, std::string_view text) {
  Integer value = 0;
  EXPECT_EQ(parse(text, &value), ValueStatus::kOk) << text;
  return value;
}

template <typename Integer>
ValueStatus StatusOf(Parser<Integer> parse, std::string_view text) {
  Integer value = 42;
  const ValueStatus status = parse(text, &value);
  EXPECT_TRUE(status == ValueStatus::kOk || value == 42) << text;
  return status;
}

// Numbers in this file are PostgreSQL 15's own answers (date - '1970-01-01', extract(epoch)).
TEST(ParseDate, CountsDaysSince1970) {
  EXPECT_EQ(Parse(ParseDate, "1970-01-01"), 0);
  EXPECT_EQ(Parse(ParseDate, "1969-12-31"), -1);
  EXPECT_EQ(Parse(ParseDate, "2026-11-21"), 20778);
  EXPECT_EQ(Parse(ParseDate, "2000-02-29"), 11016);
  EXPECT_EQ(Parse(ParseDate, "0001-01-01"), -719162);
  EXPECT_EQ(Parse(ParseDate, "0001-12-31 BC"), -719163);
  EXPECT_EQ(Parse(ParseDate, "0044-03-15 BC"), -735160);
  EXPECT_EQ(Parse(ParseDate, "4714-11-24 BC"), -2440588);
  EXPECT_EQ(Parse(ParseDate, "10000-01-01"), 2932897);
  EXPECT_EQ(Parse(ParseDate, "5874897-12-31"), 2145042905);
}

TEST(ParseDate, KeepsInfinitiesAsTheExtremes) {
  EXPECT_EQ(Parse(ParseDate, "infinity"), INT32_MAX);
  EXPECT_EQ(Parse(ParseDate, "-infinity"), INT32_MIN);
}

TEST(ParseDate, RefusesWhatPostgresNeverPrints) {
  for (const char* text : {"",
                           "x",
                           "2026",
                           "2026-1-01",
                           "2026-13-01",
                           "2026-00-10",
                           "2026-02-29",
                           "2026-04-31",
                           "2026-11-00",
                           "0000-01-01",
                           "0000-01-01 BC",
                           "-2026-01-01",
                           "2026-11-21 ",
                           "2026-11-21 B",
                           "2026-11-21 BCE",
                           "2026-11-21 AD",
                           "12345678-01-01",
                           "Infinity",
                           "infinity ",
                           "2026/11/21"}) {
    EXPECT_EQ(StatusOf(ParseDate, text), ValueStatus::kMalformed) << text;
  }
  EXPECT_EQ(StatusOf(ParseDate, "9999999-01-01"), ValueStatus::kOutOfRange);
}

TEST(ParseTime, CountsMicrosecondsSinceMidnight) {
  EXPECT_EQ(Parse(ParseTime, "00:00:00"), 0);
  EXPECT_EQ(Parse(ParseTime, "12:30:00.5"), 45'000'500'000);
  EXPECT_EQ(Parse(ParseTime, "23:59:59.999999"), kMicrosPerDay - 1);
  EXPECT_EQ(Parse(ParseTime, "24:00:00"), kMicrosPerDay);
  EXPECT_EQ(Parse(ParseTime, "00:00:00.000001"), 1);
}

TEST(ParseTime, RefusesWhatPostgresNeverPrints) {
  for (const char* text :
       {"", "1:00:00", "25:00:00", "24:00:01", "24:00:00.000001", "12:60:00", "12:00:60", "12:00",
        "12:00:00.", "12:00:00.1234567", "12:00:00+00", "-1:00:00", "infinity"}) {
    EXPECT_EQ(StatusOf(ParseTime, text), ValueStatus::kMalformed) << text;
  }
}

TEST(ParseTimestamp, CountsMicrosecondsSince1970) {
  EXPECT_EQ(Parse(ParseTimestamp, "1970-01-01 00:00:00"), 0);
  EXPECT_EQ(Parse(ParseTimestamp, "1969-12-31 23:59:59.999999"), -1);
  EXPECT_EQ(Parse(ParseTimestamp, "2026-11-21 12:30:00.123456"), 1795264200123456);
  EXPECT_EQ(Parse(ParseTimestamp, "4714-11-24 00:00:00 BC"), -210866803200000000);
  EXPECT_EQ(Parse(ParseTimestamp, "10000-01-01 00:00:00"), 253402300800000000);
}

TEST(ParseTimestamp, KeepsInfinitiesAsTheExtremes) {
  EXPECT_EQ(Parse(ParseTimestamp, "infinity"), INT64_MAX);
  EXPECT_EQ(Parse(ParseTimestamp, "-infinity"), INT64_MIN);
  EXPECT_EQ(Parse(ParseTimestamptz, "infinity"), INT64_MAX);
  EXPECT_EQ(Parse(ParseTimestamptz, "-infinity"), INT64_MIN);
}

TEST(ParseTimestamp, RefusesFiniteValuesThatReachTheInfinity) {
  EXPECT_EQ(Parse(ParseTimestamp, "294247-01-10 04:00:54.775806"), INT64_MAX - 1);
  EXPECT_EQ(StatusOf(ParseTimestamp, "294247-01-10 04:00:54.775807"), ValueStatus::kOutOfRange);
  EXPECT_EQ(StatusOf(ParseTimestamp, "294247-01-10 04:00:54.775808"), ValueStatus::kOutOfRange);
  EXPECT_EQ(StatusOf(ParseTimestamp, "294276-12-31 23:59:59.999999"), ValueStatus::kOutOfRange);
  EXPECT_EQ(StatusOf(ParseTimestamptz, "294276-12-31 23:59:59.999999+00"),
            ValueStatus::kOutOfRange);
  EXPECT_EQ(StatusOf(ParseTimestamp, "9999999-12-31 00:00:00"), ValueStatus::kOutOfRange);
}

TEST(ParseTimestamp, RefusesWhatPostgresNeverPrints) {
  for (const char* text :
       {"", "2026-11-21", "2026-11-21T12:30:00", "2026-11-21 12:30", "2026-11-21 12:30:00+00",
        "2026-11-21 24:00:00", "2026-02-30 00:00:00", "2026-11-21 12:30:00 bc", "now", "epoch"}) {
    EXPECT_EQ(StatusOf(ParseTimestamp, text), ValueStatus::kMalformed) << text;
  }
}

TEST(ParseTimestamptz, AppliesOffsetsDownToSeconds) {
  const int64_t noon = Parse(ParseTimestamptz, "2026-11-21 12:00:00+00");
  EXPECT_EQ(Parse(ParseTimestamptz, "2026-11-21 17:30:00+05:30"), noon);
  EXPECT_EQ(Parse(ParseTimestamptz, "2026-11-21 04:00:00-08"), noon);
  EXPECT_EQ(Parse(ParseTimestamptz, "2026-11-21 12:19:32+00:19:32"), noon);
  EXPECT_EQ(Parse(ParseTimestamptz, "2026-11-21 11:58:45-00:01:15"), noon);
  EXPECT_EQ(Parse(ParseTimestamptz, "2026-11-22 03:59:59+15:59:59"), noon);
}

TEST(ParseTimestamptz, ReadsTheEraBehindTheOffset) {
  EXPECT_EQ(Parse(ParseTimestamptz, "0044-03-15 12:00:00+00 BC"),
            int64_t{-735160} * kMicrosPerDay + kMicrosPerDay / 2);
}

TEST(ParseTimestamptz, RefusesWhatPostgresNeverPrints) {
  for (const char* text : {"2026-11-21 12:00:00", "2026-11-21 12:00:00Z", "2026-11-21 12:00:00+",
                           "2026-11-21 12:00:00+1", "2026-11-21 12:00:00+16",
                           "2026-11-21 12:00:00+05:", "2026-11-21 12:00:00+05:60",
                           "2026-11-21 12:00:00+05:30:", "2026-11-21 12:00:00 UTC"}) {
    EXPECT_EQ(StatusOf(ParseTimestamptz, text), ValueStatus::kMalformed) << text;
  }
}

TEST(ParseMillis, CutsOffTowardsThePast) {
  EXPECT_EQ(Parse(ParseTimeMillis, "23:59:59.999999"), 86'399'999);
  EXPECT_EQ(Parse(ParseTimeMillis, "24:00:00"), 86'400'000);
  EXPECT_EQ(Parse(ParseTimeMillis, "00:00:00.000999"), 0);
  EXPECT_EQ(Parse(ParseTimestampMillis, "1970-01-01 00:00:00.001999"), 1);
  EXPECT_EQ(Parse(ParseTimestampMillis, "1969-12-31 23:59:59.999999"), -1);
  EXPECT_EQ(Parse(ParseTimestampMillis, "1969-12-31 23:59:59.999"), -1);
  EXPECT_EQ(Parse(ParseTimestamptzMillis, "1970-01-01 00:00:00.0005+00:00:01"), -1'000);
}

TEST(ParseMillis, HoldsTheWholeRangeOfPostgres) {
  EXPECT_EQ(Parse(ParseTimestampMillis, "infinity"), kTimestampInfinity);
  EXPECT_EQ(Parse(ParseTimestampMillis, "-infinity"), kTimestampMinusInfinity);
  for (const char* text : {"294276-12-31 23:59:59.999", "4714-11-24 00:00:00 BC"}) {
    std::string out;
    AppendIsoTimestampMillis(Parse(ParseTimestampMillis, text), false, &out);
    EXPECT_EQ(out.replace(out.find('T'), 1, " "), text);
  }
}

TEST(Calendar, InvertsItselfOverEveryDayOfTenCenturiesAndAtTheEnds) {
  for (int64_t days = -366 * 100; days < 366 * 900; ++days) {
    const CivilDay day = CivilDayOf(days);
    ASSERT_TRUE(IsValidDay(day));
    ASSERT_EQ(DaysSinceEpoch(day), days);
  }
  for (const int64_t days : {int64_t{INT32_MIN}, int64_t{-2440588}, int64_t{-719529},
                             int64_t{-719528}, int64_t{INT32_MAX}}) {
    EXPECT_EQ(DaysSinceEpoch(CivilDayOf(days)), days);
  }
}

std::string IsoTimestamp(std::string_view text) {
  std::string out;
  AppendIsoTimestamp(Parse(ParseTimestamp, text), true, &out);
  return out;
}

TEST(IsoDateTime, PrintsTimestampsOfEveryEra) {
  EXPECT_EQ(IsoTimestamp("2026-11-21 12:30:00.123456"), "2026-11-21T12:30:00.123456Z");
  EXPECT_EQ(IsoTimestamp("2026-11-21 00:00:00"), "2026-11-21T00:00:00Z");
  EXPECT_EQ(IsoTimestamp("1969-12-31 23:59:59.5"), "1969-12-31T23:59:59.5Z");
  EXPECT_EQ(IsoTimestamp("0001-01-01 00:00:00 BC"), "0001-01-01T00:00:00Z BC");
  EXPECT_EQ(IsoTimestamp("0044-03-15 00:00:00 BC"), "0044-03-15T00:00:00Z BC");
  EXPECT_EQ(IsoTimestamp("10000-01-01 00:00:00"), "10000-01-01T00:00:00Z");
  EXPECT_EQ(IsoTimestamp("infinity"), "infinity");
  EXPECT_EQ(IsoTimestamp("-infinity"), "-infinity");
}

TEST(IsoDateTime, PrintsDatesAndTimes) {
  std::string out;
  AppendIsoDate(20778, &out);
  out += ' ';
  AppendIsoDate(kDateInfinity, &out);
  out += ' ';
  AppendIsoDate(kDateMinusInfinity, &out);
  out += ' ';
  AppendIsoTime(kMicrosPerDay, &out);
  out += ' ';
  AppendIsoTime(1, &out);
  EXPECT_EQ(out, "2026-11-21 infinity -infinity 24:00:00 00:00:00.000001");
}

}  // namespace
}  // namespace bw
