#include "debezium/value_encoder.h"

#include <gtest/gtest.h>

#include <limits>

#include "debezium/time_text.h"
#include "unit/debezium/debezium_test_util.h"

namespace bw::debezium {
namespace {

using namespace std::string_literals;

// A value's JSON, or its status as text.
std::string Shown(uint32_t oid, std::string_view text, int32_t typmod = -1) {
  const ColumnForm form = ColumnFormOf(MakeColumn("c", oid, false, typmod)).value();
  std::string body;
  const ValueStatus status = AppendValue(form, text, &body);
  if (status == ValueStatus::kTextBeside) return "refused";
  if (status != ValueStatus::kOk) return "status " + std::to_string(static_cast<int>(status));
  std::string json;
  AppendPayload(form.schema, body, &json);
  return json;
}

TEST(AppendValue, WritesVariableDecimals) {
  EXPECT_EQ(Shown(1700, "12.3400"), R"({"scale":2,"value":"BNI="})");
  EXPECT_EQ(Shown(1700, "100"), R"({"scale":0,"value":"ZA=="})");
  EXPECT_EQ(Shown(1700, "-0.000"), R"({"scale":0,"value":"AA=="})");
  EXPECT_EQ(Shown(1700, "NaN"), "refused");
  EXPECT_EQ(Shown(1700, "-Infinity"), "refused");
}

TEST(AppendValue, ReadsMoneyOfTwoDigitsAlone) {
  EXPECT_EQ(Shown(790, "$1,234.56"), "\"AeJA\"");
  EXPECT_EQ(Shown(790, "-$0.05"), "\"+w==\"");
  EXPECT_EQ(Shown(790, "1.234,56 €"), "\"AeJA\"");
  EXPECT_EQ(Shown(790, "¥1,234"), "refused");
}

TEST(AppendValue, WritesBitsFromTheLowestByte) {
  EXPECT_EQ(Shown(1562, "10101010101"), "\"VQU=\"");
  EXPECT_EQ(Shown(1562, "0000"), "\"\"");
  EXPECT_EQ(Shown(1560, "1", 1), "true");
  EXPECT_NE(Shown(1562, "2").find("status"), std::string::npos);
}

TEST(AppendValue, RefusesArraysOfSeveralDimensions) {
  EXPECT_EQ(Shown(1007, "{1,NULL}"), "[1,null]");
  EXPECT_EQ(Shown(1007, "{{1},{2}}"), "refused");
}

TEST(AppendValue, KeepsInfiniteTimestampsApart) {
  EXPECT_EQ(Shown(1114, "infinity"), std::to_string(std::numeric_limits<int64_t>::max()));
  EXPECT_EQ(Shown(1114, "infinity", 3), "9223372036825200000");
  EXPECT_EQ(Shown(1114, "1969-12-31 23:59:59.9995", 3), "-1");
  EXPECT_EQ(Shown(1184, "infinity"), "\"infinity\"");
}

TEST(TimeText, PrintsAsJavaDoes) {
  std::string text;
  EXPECT_EQ(ZonedTimestamp("0044-03-15 12:00:00+00 BC", 6, &text), ValueStatus::kOk);
  EXPECT_EQ(ZonedTimestamp("10000-01-01 00:00:00+01", 0, &text), ValueStatus::kOk);
  EXPECT_EQ(ZonedTimestamp("2020-01-01 00:00:00.5+00", 3, &text), ValueStatus::kOk);
  EXPECT_EQ(text, "-0043-03-15T12:00:00.000000Z9999-12-31T23:00:00Z2020-01-01T00:00:00.500Z");
  text.clear();
  EXPECT_EQ(ZonedTime("00:00:00.120000+05:30", &text), ValueStatus::kOk);
  EXPECT_EQ(ZonedTime("12:00:00-01:00:30", &text), ValueStatus::kOk);
  EXPECT_EQ(text, "18:30:00.12Z13:00:30Z");
  EXPECT_EQ(ZonedTime("24:00:00+00", &text), ValueStatus::kOutOfRange);
  EXPECT_EQ(ZonedTime("12:00:00", &text), ValueStatus::kMalformed);
}

TEST(TimeText, CountsIntervalsWithAverageMonths) {
  EXPECT_EQ(IntervalMicros("P1Y2M3DT4H5M6.789S"), 37091106789000);
  EXPECT_EQ(IntervalMicros("P-1M-1DT-0.000001S"), -2716200000001);
  EXPECT_EQ(IntervalMicros("PT0S"), 0);
  EXPECT_EQ(IntervalMicros("P178000000Y"), std::numeric_limits<int64_t>::max());
  for (const char* text : {"", "1 day", "P1", "PT1X", "P1.2345678D"}) {
    EXPECT_EQ(IntervalMicros(text), std::nullopt) << text;
  }
}

TEST(AppendUnavailable, IsDebeziumsPlaceholder) {
  const auto shown = [](uint32_t oid) {
    const ColumnForm form = ColumnFormOf(MakeColumn("c", oid)).value();
    std::string body;
    if (AppendUnavailable(form, &body) != ValueStatus::kOk) return "none"s;
    std::string json;
    AppendPayload(form.schema, body, &json);
    return json;
  };
  EXPECT_EQ(shown(25), "\"__debezium_unavailable_value\"");
  EXPECT_EQ(shown(1009), "[\"__debezium_unavailable_value\"]");
  EXPECT_TRUE(shown(1007).starts_with("[95,95,100,"));
  EXPECT_EQ(shown(1700), "none");
}

TEST(AppendZero, FitsEveryType) {
  for (uint32_t oid = 16; oid < 6200; ++oid) {
    const auto form = ColumnFormOf(MakeColumn("c", oid));
    if (!form) continue;
    std::string body;
    AppendZero(*form, &body);
    std::string json;
    EXPECT_NO_THROW(AppendPayload(form->schema, body, &json)) << oid;
  }
}

}  // namespace
}  // namespace bw::debezium
