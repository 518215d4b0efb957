#include "debezium/envelope_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "debezium/spooled_schema.h"
#include "unit/debezium/debezium_test_util.h"

namespace bw::debezium {
namespace {

using Json = nlohmann::json;
using Values = std::vector<TextValue>;

constexpr uint32_t kInt4 = 23;
constexpr uint32_t kText = 25;
constexpr uint32_t kNumeric = 1700;
constexpr uint32_t kXid = 28;

TextValue Text(std::string_view text) { return TextValue::Text(text); }

// The payload of an envelope.
Json Encoded(const EnvelopeEncoder& encoder, const Row& before, const Row& after,
             RowForm expected_form = RowForm::kNative) {
  Event event;
  event.lsn = Lsn{7};
  event.previous_end = Lsn{5};
  event.xid = 3;
  event.source_us = 1'500'001;
  std::string body;
  const auto result = encoder.Encode(event, before, after, RowForm::kNative, &body);
  EXPECT_EQ(result.form, expected_form);
  std::string json;
  SpooledSchema::Parse(encoder.ValueSchema(result.form)).AppendJson(JsonStyle::kPlain, body, &json);
  return Json::parse(json);
}

ErrorKind ErrorOf(const EnvelopeEncoder& encoder, const Row& after) {
  std::string body = "unchanged";
  try {
    encoder.Encode({}, {}, after, RowForm::kNative, &body);
  } catch (const Error& error) {
    EXPECT_EQ(body, "unchanged");
    return error.kind();
  }
  ADD_FAILURE() << "no error";
  return ErrorKind::kHalt;
}

TEST(EnvelopeEncoder, WritesRowsAndSource) {
  const auto encoder = MakeEncoder({MakeKeyColumn("id", kInt4), MakeColumn("v", kText)});
  const Values row = {Text("1"), Text("x")};
  const Json envelope = Encoded(encoder, {}, {row});
  EXPECT_EQ(envelope["before"], nullptr);
  EXPECT_EQ(envelope["after"], Json({{"id", 1}, {"v", "x"}}));
  const Json& source = envelope["source"];
  EXPECT_EQ(source["name"], "p");
  EXPECT_EQ(source["ts_ms"], 1500);
  EXPECT_EQ(source["ts_us"], 1500001);
  EXPECT_EQ(source["sequence"], R"(["5","7"])");
  EXPECT_EQ(source["snapshot"], "false");
  EXPECT_EQ(source["txId"], 3);
  EXPECT_EQ(source["lsn"], 7);
}

TEST(EnvelopeEncoder, FillsWhatAnOldKeyLacksButNeverAWholeRow) {
  Column with_default = MakeColumn("d", kInt4, true);
  with_default.facts.default_expression = "5";
  const auto encoder = MakeEncoder({MakeKeyColumn("id", kInt4), MakeColumn("t", kText, true),
                                    with_default, MakeColumn("n", kText)});
  const Values old_key = {Text("1"), TextValue::Null(), TextValue::Null(), TextValue::Null()};
  EXPECT_EQ(Encoded(encoder, {old_key, {}, false}, {})["before"],
            Json({{"id", 1}, {"t", ""}, {"d", 5}, {"n", nullptr}}));
  EXPECT_EQ(Encoded(encoder, {}, {old_key}, RowForm::kTextBeside)["after"],
            Json({{"id", 1}, {"t", nullptr}, {"d", nullptr}, {"n", nullptr}}));
}

TEST(EnvelopeEncoder, OrdersTheKeyAsItsIndex) {
  const auto encoder = MakeEncoder({MakeKeyColumn("b", kText, 2), MakeKeyColumn("a", kInt4, 1)});
  const Values row = {Text("x"), Text("1")};
  std::string body;
  encoder.EncodeKey({row}, &body);
  std::string json;
  SpooledSchema::Parse(*encoder.KeySchema()).AppendJson(JsonStyle::kPlain, body, &json);
  EXPECT_EQ(json, R"({"a":1,"b":"x"})");
}

TEST(EnvelopeEncoder, RefusesWhatDebeziumsTypeCannotHold) {
  const auto encoder = MakeEncoder({MakeColumn("n", kNumeric)});
  const Values nan = {Text("NaN")};
  EXPECT_EQ(ErrorOf(encoder, {nan}), ErrorKind::kRow);
  const Values toast = {TextValue::UnchangedToast()};
  EXPECT_EQ(ErrorOf(encoder, {toast}), ErrorKind::kRow);
  const Values two = {Text("1"), Text("2")};
  EXPECT_EQ(ErrorOf(encoder, {two}), ErrorKind::kHalt);
}

TEST(EnvelopeEncoder, TakesUnchangedToastFromTheOldRow) {
  const auto encoder = MakeEncoder({MakeColumn("t", kText)});
  const Values toast = {TextValue::UnchangedToast()};
  const Values old = {Text("old")};
  EXPECT_EQ(Encoded(encoder, {}, {toast, old})["after"]["t"], "old");
  EXPECT_EQ(Encoded(encoder, {}, {toast})["after"]["t"], "__debezium_unavailable_value");
}

TEST(EnvelopeEncoder, LeavesOutTypesThatDebeziumDoesNotKnow) {
  const auto encoder = MakeEncoder({MakeColumn("x", kXid), MakeColumn("t", kText)});
  const Values row = {Text("1"), Text("t")};
  EXPECT_EQ(Encoded(encoder, {}, {row})["after"], Json({{"t", "t"}}));
  EXPECT_EQ(encoder.KeySchema(), std::nullopt);
}

TEST(SpooledSchema, SplitsThePairOfAChangedKey) {
  std::string both;
  AppendPair("old", "new", &both);
  EXPECT_EQ(SplitPair(both).deleted, "old");
  EXPECT_EQ(SplitPair(both).created, "new");
  EXPECT_THROW(SplitPair(both.substr(0, 5)), Error);
}

}  // namespace
}  // namespace bw::debezium
