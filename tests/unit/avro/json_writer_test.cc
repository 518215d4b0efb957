#include "avro/json_writer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "avro/schema_builder.h"
#include "unit/avro/avro_test_util.h"

namespace bw {
namespace {

using std::string_literals::operator""s;

std::string Write(const Table& table, JsonStyle style, std::string_view body) {
  std::string out;
  AppendJson(CompiledSchema::Parse(BuildValueSchema(table)), style, body, &out);
  EXPECT_TRUE(nlohmann::json::accept(out)) << out;
  return out;
}

// The value of a one-column table "c" in both styles.
std::string Plain(uint32_t oid, std::string_view text) {
  const Table table = MakeTable({MakeColumn("c", oid)});
  const std::string json = Write(table, JsonStyle::kPlain, Encode(table, {TextValue::Text(text)}));
  EXPECT_TRUE(json.starts_with(R"({"c":)") && json.ends_with("}")) << json;
  return json.substr(5, json.size() - 6);
}

std::string Avro(uint32_t oid, std::string_view text) {
  const Table table = MakeTable({MakeColumn("c", oid)});
  const std::string json =
      Write(table, JsonStyle::kAvroJson, Encode(table, {TextValue::Text(text)}));
  EXPECT_TRUE(json.starts_with(R"({"c": )") && json.ends_with("}")) << json;
  return json.substr(6, json.size() - 7);
}

TEST(JsonWriter, WritesWhatTheOriginalWrote) {
  const Table table =
      MakeTable({MakeColumn("id", type_oid::kInt4, true), MakeColumn("value", type_oid::kText)});
  const std::string row = Encode(table, {TextValue::Text("1"), TextValue::Text("hello world!")});
  EXPECT_EQ(Write(table, JsonStyle::kAvroJson, row),
            R"({"id": {"int": 1}, "value": {"string": "hello world!"}})");
  EXPECT_EQ(Write(table, JsonStyle::kPlain, row), R"({"id":1,"value":"hello world!"})");

  const std::string nulls = Encode(table, {TextValue::Text("1"), TextValue::Null()});
  EXPECT_EQ(Write(table, JsonStyle::kAvroJson, nulls), R"({"id": {"int": 1}, "value": null})");
  EXPECT_EQ(Write(table, JsonStyle::kPlain, nulls), R"({"id":1,"value":null})");

  std::string key;
  RowEncoder(table).EncodeKey(std::vector<TextValue>{TextValue::Text("1"), TextValue::Null()}, {},
                              &key);
  std::string json;
  AppendJson(CompiledSchema::Parse(*BuildKeySchema(table)), JsonStyle::kAvroJson, key, &json);
  EXPECT_EQ(json, R"({"id": {"int": 1}})");
}

TEST(JsonWriter, WritesTablesWithoutColumns) {
  EXPECT_EQ(Write(MakeTable({}), JsonStyle::kAvroJson, ""), "{}");
  EXPECT_EQ(Write(MakeTable({}), JsonStyle::kPlain, ""), "{}");
}

TEST(JsonWriter, NamesFieldsAfterTheStyle) {
  const Table table = MakeTable({MakeColumn("a\"é", type_oid::kInt4)});
  const std::string row = Encode(table, {TextValue::Text("1")});
  EXPECT_EQ(Write(table, JsonStyle::kAvroJson, row), R"({"a_22__c3__a9_": {"int": 1}})");
  EXPECT_EQ(Write(table, JsonStyle::kPlain, row), R"({"a\"é":1})");
}

TEST(JsonWriter, WritesNumbers) {
  EXPECT_EQ(Avro(type_oid::kBool, "t"), R"({"boolean": true})");
  EXPECT_EQ(Plain(type_oid::kBool, "f"), "false");
  EXPECT_EQ(Avro(type_oid::kInt8, "-9223372036854775808"), R"({"long": -9223372036854775808})");
  EXPECT_EQ(Plain(type_oid::kOid, "4294967295"), "4294967295");
  EXPECT_EQ(Plain(type_oid::kNumeric, "1.50"), R"("1.50")");
  EXPECT_EQ(Avro(type_oid::kNumeric, "NaN"), R"({"string": "NaN"})");
}

TEST(JsonWriter, WritesTheShortestFloats) {
  EXPECT_EQ(Avro(type_oid::kFloat4, "0.1"), R"({"float": 0.1})");
  EXPECT_EQ(Avro(type_oid::kFloat8, "0.1"), R"({"double": 0.1})");
  EXPECT_EQ(Plain(type_oid::kFloat8, "0.30000000000000004"), "0.30000000000000004");
  EXPECT_EQ(Plain(type_oid::kFloat8, "1"), "1.0");
  EXPECT_EQ(Plain(type_oid::kFloat8, "-0"), "-0.0");
  EXPECT_EQ(Plain(type_oid::kFloat8, "1e+100"), "1e+100");
  EXPECT_EQ(Avro(type_oid::kFloat8, "NaN"), R"({"double": "NaN"})");
  EXPECT_EQ(Plain(type_oid::kFloat8, "Infinity"), R"("Infinity")");
  EXPECT_EQ(Plain(type_oid::kFloat4, "-Infinity"), R"("-Infinity")");
}

TEST(JsonWriter, EscapesText) {
  EXPECT_EQ(Plain(type_oid::kText, "a\"b\\c/\n\r\t\b\f\x01\x1f\x7f é🍶"),
            "\"a\\\"b\\\\c/\\n\\r\\t\\b\\f\\u0001\\u001F\x7f é🍶\"");
  EXPECT_EQ(Plain(type_oid::kText, ""), R"("")");
}

TEST(JsonWriter, WritesBytesAfterTheStyle) {
  EXPECT_EQ(Avro(type_oid::kBytea, "\\x6100ff"), R"({"bytes": "\u0061\u0000\u00FF"})");
  EXPECT_EQ(Plain(type_oid::kBytea, "\\x6100ff"), R"("\\x6100ff")");
}

TEST(JsonWriter, WritesDatesAndTimesAfterTheStyle) {
  EXPECT_EQ(Avro(type_oid::kDate, "2026-11-21"), R"({"int": 20778})");
  EXPECT_EQ(Plain(type_oid::kDate, "2026-11-21"), R"("2026-11-21")");
  EXPECT_EQ(Plain(type_oid::kDate, "-infinity"), R"("-infinity")");
  EXPECT_EQ(Avro(type_oid::kTime, "12:30:00.5"), R"({"long": 45000500000})");
  EXPECT_EQ(Plain(type_oid::kTime, "12:30:00.5"), R"("12:30:00.5")");
  EXPECT_EQ(Plain(type_oid::kTimestamp, "2026-11-21 12:30:00.123456"),
            R"("2026-11-21T12:30:00.123456")");
  EXPECT_EQ(Plain(type_oid::kTimestamptz, "2026-11-21 12:30:00+00"), R"("2026-11-21T12:30:00Z")");
  EXPECT_EQ(Plain(type_oid::kTimestamptz, "infinity"), R"("infinity")");
}

TEST(JsonWriter, EmbedsJsonOnOneLineInPlainStyleOnly) {
  EXPECT_EQ(Avro(type_oid::kJsonb, R"({"a": 1})"), R"({"string": "{\"a\": 1}"})");
  EXPECT_EQ(Plain(type_oid::kJsonb, R"({"a": 1.10})"), R"({"a": 1.10})");
  EXPECT_EQ(Plain(type_oid::kJson, "{\r\n \"a\":\n1}"), "{   \"a\": 1}");
  EXPECT_EQ(Plain(type_oid::kJsonb, "null"), "null");
  EXPECT_EQ(Plain(type_oid::kJsonb, "\"x\""), "\"x\"");
}

TEST(JsonWriter, EmbedsJsonOfAnyDepth) {
  const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
  EXPECT_EQ(Plain(type_oid::kJsonb, deep), deep);
}

TEST(JsonWriter, QuotesThePlaceholderInAJsonColumn) {
  const Table table = MakeTable({MakeColumn("c", type_oid::kJsonb)});
  EXPECT_EQ(Write(table, JsonStyle::kPlain, Encode(table, {TextValue::UnchangedToast()})),
            R"({"c":"__bottledwater_unavailable_value"})");
}

// A user's own type may be called json; its text is no document.
TEST(JsonWriter, EmbedsOnlyPostgresOwnJson) {
  Column column = MakeColumn("c", 16999);
  column.type_name = PostgresTypeName(16999, -1, "json");
  const Table table = MakeTable({column});
  EXPECT_EQ(Write(table, JsonStyle::kPlain, Encode(table, {TextValue::Text("x")})), R"({"c":"x"})");
}

TEST(JsonWriter, RefusesTextThatIsNotUtf8) {
  const Table table = MakeTable({MakeColumn("c", type_oid::kText)});
  const auto schema = CompiledSchema::Parse(BuildValueSchema(table));
  std::string out = "x";
  const Error error = ErrorOf([&] { AppendJson(schema, JsonStyle::kPlain, "\x02\x02\xff", &out); });
  EXPECT_EQ(error.kind(), ErrorKind::kRow);
  EXPECT_NE(std::string(error.what()).find("\"c\""), std::string::npos);
  EXPECT_EQ(out, "x");
}

std::string BodyOfAllTypes(const Table& table) {
  const std::vector<std::string> texts = {"t",
                                          "-1",
                                          "70000",
                                          "-5000000000",
                                          "4294967295",
                                          "1.5",
                                          "2.5",
                                          "1.50",
                                          "crêpes",
                                          "{\"a\": 1}",
                                          "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                                          "\\x00ff",
                                          "2026-11-21",
                                          "12:30:00.5",
                                          "2026-11-21 12:30:00",
                                          "2026-11-21 12:30:00+00",
                                          "P1D"};
  return Encode(table, Texts(texts));
}

TEST(JsonWriter, RefusesEveryTruncationAndAnyRest) {
  const Table table = MakeTableOfAllTypes();
  const auto schema = CompiledSchema::Parse(BuildValueSchema(table));
  const std::string body = BodyOfAllTypes(table);
  for (const JsonStyle style : {JsonStyle::kAvroJson, JsonStyle::kPlain}) {
    std::string out;
    AppendJson(schema, style, body, &out);
    out.clear();
    for (size_t length = 0; length < body.size(); ++length) {
      const std::vector<char> cut(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(length));
      const Error error = ErrorOf([&] {
        AppendJson(schema, style, {cut.data(), cut.size()}, &out);
      });
      EXPECT_EQ(error.kind(), ErrorKind::kHalt);
    }
    EXPECT_EQ(ErrorOf([&] { AppendJson(schema, style, body + "\0"s, &out); }).kind(),
              ErrorKind::kHalt);
    EXPECT_EQ(out, "");
  }
}

TEST(JsonWriter, SurvivesEveryByteInEveryPlace) {
  const Table table = MakeTableOfAllTypes();
  const auto schema = CompiledSchema::Parse(BuildValueSchema(table));
  const std::string body = BodyOfAllTypes(table);
  for (size_t i = 0; i < body.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string damaged = body;
      damaged[i] = static_cast<char>(byte);
      std::string out;
      try {
        AppendJson(schema, JsonStyle::kPlain, damaged, &out);
      } catch (const Error& error) {
        EXPECT_NE(error.kind(), ErrorKind::kUsage);
      }
    }
  }
}

TEST(JsonWriter, RefusesNumbersAndLengthsThatLie) {
  const auto refuses = [](uint32_t oid, const std::string& value) {
    const auto schema = CompiledSchema::Parse(BuildValueSchema(MakeTable({MakeColumn("c", oid)})));
    std::string out;
    const Error error =
        ErrorOf([&] { AppendJson(schema, JsonStyle::kPlain, "\x02" + value, &out); });
    EXPECT_EQ(error.kind(), ErrorKind::kHalt);
  };
  refuses(type_oid::kText, "\x01x");                                         // -1
  refuses(type_oid::kText, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");      // 2^63 - 1
  refuses(type_oid::kInt8, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");      // 65 bits.
  refuses(type_oid::kInt8, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");  // 11 bytes.
  refuses(type_oid::kInt4, "\x80\x80\x80\x80\x10");                          // 2^31
  refuses(type_oid::kBool, "\x02");
  refuses(type_oid::kTime, "\x01");
}

}  // namespace
}  // namespace bw
