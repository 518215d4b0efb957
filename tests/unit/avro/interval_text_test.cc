#include "avro/interval_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace bw {
namespace {

constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
constexpr int32_t kMin = std::numeric_limits<int32_t>::min();
constexpr int64_t kMaxMicros = std::numeric_limits<int64_t>::max();
constexpr int64_t kMinMicros = std::numeric_limits<int64_t>::min();

Interval Parse(std::string_view text) {
  Interval interval;
  EXPECT_EQ(ParseInterval(text, &interval), ValueStatus::kOk) << text;
  return interval;
}

// As PostgreSQL prints them with intervalstyle iso_8601.
TEST(ParseInterval, ReadsEachCountWithItsSign) {
  EXPECT_EQ(Parse("PT0S"), (Interval{}));
  EXPECT_EQ(Parse("P1Y2M3DT4H5M6.789S"), (Interval{14, 3, 14'706'789'000}));
  EXPECT_EQ(Parse("P1Y-2M3DT-4H-5M-0.5S"), (Interval{10, 3, -14'700'500'000}));
  EXPECT_EQ(Parse("P-1M"), (Interval{-1, 0, 0}));
  EXPECT_EQ(Parse("PT-0.000001S"), (Interval{0, 0, -1}));
  EXPECT_EQ(Parse("P-178956970Y-8M-2147483648D"), (Interval{kMin, kMin, 0}));
  EXPECT_EQ(Parse("P178956970Y7M2147483647D"), (Interval{kMax, kMax, 0}));
  EXPECT_EQ(Parse("PT2562047788H54.775807S"), (Interval{0, 0, kMaxMicros}));
  EXPECT_EQ(Parse("PT-2562047788H-54.775808S"), (Interval{0, 0, kMinMicros}));
}

TEST(ParseInterval, TellsInfinitiesFromWhatPostgresNeverPrints) {
  Interval interval{1, 2, 3};
  for (const char* text : {"infinity", "-infinity"}) {
    EXPECT_EQ(ParseInterval(text, &interval), ValueStatus::kOutOfRange) << text;
  }
  for (const char* text : {"",
                           "P",
                           "1 day",
                           "P1",
                           "PT",
                           "P1DT",
                           "PT1X",
                           "P1S",
                           "P1H",
                           "PT1D",
                           "P1.5D",
                           "PT1.S",
                           "PT1.2345678S",
                           "PT--1S",
                           "PTT1S",
                           "P99999999999Y",
                           "PT99999999999999999999S",
                           "P1D ",
                           "-P1D",
                           "PT+1S"}) {
    EXPECT_EQ(ParseInterval(text, &interval), ValueStatus::kMalformed) << text;
  }
  EXPECT_EQ(interval, (Interval{1, 2, 3}));
}

TEST(IntervalMicros, CountsMonthsOfTheAverageLength) {
  int64_t micros = 0;
  EXPECT_EQ(IntervalMicros(Parse("P1M"), &micros), ValueStatus::kOk);
  EXPECT_EQ(micros, 2'629'800'000'000);
  EXPECT_EQ(IntervalMicros(Parse("P1Y"), &micros), ValueStatus::kOk);
  EXPECT_EQ(micros, 31'557'600'000'000) << "365.25 days";
  EXPECT_EQ(IntervalMicros(Parse("P-1M-1DT-0.000001S"), &micros), ValueStatus::kOk);
  EXPECT_EQ(micros, -2'716'200'000'001);
}

TEST(IntervalMicros, RefusesWhatIsBeyond64Bits) {
  int64_t micros = 7;
  EXPECT_EQ(IntervalMicros(Parse("P178000000Y"), &micros), ValueStatus::kOutOfRange);
  EXPECT_EQ(IntervalMicros({0, 1, kMaxMicros}, &micros), ValueStatus::kOutOfRange);
  EXPECT_EQ(IntervalMicros({0, -1, kMinMicros}, &micros), ValueStatus::kOutOfRange);
  EXPECT_EQ(micros, 7);
  EXPECT_EQ(IntervalMicros({0, -1, kMaxMicros}, &micros), ValueStatus::kOk);
  EXPECT_EQ(micros, kMaxMicros - 86'400'000'000);
}

std::string Printed(const Interval& interval) {
  std::string text(kIntervalTextMax, '?');
  text.resize(PrintInterval(interval, text.data()));
  return text;
}

// Beside these, tests/integration/type_forms_test.py asks a server.
TEST(PrintInterval, WritesWhatPostgresPrintsByDefault) {
  EXPECT_EQ(Printed({}), "00:00:00");
  EXPECT_EQ(Printed({14, 3, 14'706'789'000}), "1 year 2 mons 3 days 04:05:06.789");
  EXPECT_EQ(Printed({-1, 0, 0}), "-1 mons");
  EXPECT_EQ(Printed({1, 1, 0}), "1 mon 1 day");
  EXPECT_EQ(Printed({1, -1, 1}), "1 mon -1 days +00:00:00.000001");
  EXPECT_EQ(Printed({-14, 3, -500'000}), "-1 years -2 mons +3 days -00:00:00.5");
  EXPECT_EQ(Printed({kMin, kMin, kMinMicros}),
            "-178956970 years -8 mons -2147483648 days -2562047788:00:54.775808");
}

}  // namespace
}  // namespace bw
