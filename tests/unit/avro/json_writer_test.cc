#include "avro/json_writer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <tuple>

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

// The value of a one-column table "c" of this kind.
std::string InForm(ValueKind kind, uint32_t oid, JsonStyle style, std::string_view text) {
  Column column = MakeColumn("c", oid);
  column.type.kind = kind;
  const Table table = MakeTable({column});
  const std::string json = Write(table, style, Encode(table, {TextValue::Text(text)}));
  const size_t start = style == JsonStyle::kPlain ? 5 : 6;
  return json.substr(start, json.size() - start - 1);
}

TEST(JsonWriter, WritesMillisecondsAfterTheStyle) {
  const auto write = [](ValueKind kind, uint32_t oid, std::string_view text) {
    return InForm(kind, oid, JsonStyle::kAvroJson, text) + " " +
           InForm(kind, oid, JsonStyle::kPlain, text);
  };
  EXPECT_EQ(write(ValueKind::kTimeMillis, type_oid::kTime, "12:30:00.5009"),
            R"({"int": 45000500} "12:30:00.5")");
  EXPECT_EQ(write(ValueKind::kTimeMillis, type_oid::kTime, "24:00:00"),
            R"({"int": 86400000} "24:00:00")");
  EXPECT_EQ(write(ValueKind::kTimestampMillis, type_oid::kTimestamp, "1969-12-31 23:59:59.9999"),
            R"({"long": -1} "1969-12-31T23:59:59.999")");
  EXPECT_EQ(write(ValueKind::kTimestamptzMillis, type_oid::kTimestamptz, "1970-01-01 00:00:01+00"),
            R"({"long": 1000} "1970-01-01T00:00:01Z")");
  EXPECT_EQ(
      InForm(ValueKind::kTimestamptzMillis, type_oid::kTimestamptz, JsonStyle::kPlain, "infinity"),
      R"("infinity")");
}

TEST(JsonWriter, WritesIntervalsInTheirForms) {
  const auto write = [](ValueKind kind, JsonStyle style) {
    return InForm(kind, type_oid::kInterval, style, "P1DT2H");
  };
  EXPECT_EQ(write(ValueKind::kString, JsonStyle::kPlain), R"("P1DT2H")");
  EXPECT_EQ(write(ValueKind::kIntervalText, JsonStyle::kPlain), R"("1 day 02:00:00")");
  EXPECT_EQ(write(ValueKind::kIntervalText, JsonStyle::kAvroJson),
            R"({"string": "1 day 02:00:00"})");
  EXPECT_EQ(write(ValueKind::kIntervalMicros, JsonStyle::kPlain), "93600000000");
  EXPECT_EQ(write(ValueKind::kIntervalMicros, JsonStyle::kAvroJson), R"({"long": 93600000000})");
}

// Avro's JSON encoding names the branch of a union, which is an enum's full name.
TEST(JsonWriter, WritesEnumsAsTheirLabels) {
  const Table table =
      MakeTable({MakeEnumColumn("c", {"sad", "ok"}), MakeEnumColumn("a", {"sad", "ok"}, true)});
  const std::string row = Encode(table, Texts({"ok", "{sad,NULL}"}));
  EXPECT_EQ(Write(table, JsonStyle::kPlain, row), R"({"c":"ok","a":["sad",null]})");
  EXPECT_EQ(Write(table, JsonStyle::kAvroJson, row),
            R"({"c": {"bottledwater.public.test__c__enum": "ok"}, )"
            R"("a": {"array": [{"bottledwater.public.test__a__enum": "sad"}, null]}})");
}

TEST(JsonWriter, RefusesASymbolThatIsNotThere) {
  const Table table = MakeTable({MakeEnumColumn("c", {"sad", "ok"})});
  for (const char* body : {"\x02\x04", "\x02\x01"}) {
    std::string out;
    const Error error = ErrorOf([&] {
      AppendJson(CompiledSchema::Parse(BuildValueSchema(table)), JsonStyle::kPlain, body, &out);
    });
    EXPECT_EQ(error.kind(), ErrorKind::kHalt);
    EXPECT_EQ(out, "");
  }
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
                                          "P1D",
                                          "1250.00",
                                          "{1,NULL,-3}",
                                          "{a,\"b c\",NULL}",
                                          "{0.01,-99999999.99}"};
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

std::string PlainDecimal(std::string_view text, int32_t precision, int32_t scale) {
  const Table table =
      MakeTable({MakeColumn("c", type_oid::kNumeric, false, NumericTypmod(precision, scale))});
  return Write(table, JsonStyle::kPlain, Encode(table, {TextValue::Text(text)}));
}

TEST(JsonWriter, WritesDecimalsAfterTheStyle) {
  const Table table = MakeTable({MakeColumn("c", type_oid::kNumeric, false, NumericTypmod(10, 2))});
  const std::string row = Encode(table, {TextValue::Text("-12.50")});
  EXPECT_EQ(Write(table, JsonStyle::kAvroJson, row), R"({"c": {"bytes": "\u00FB\u001E"}})");
  EXPECT_EQ(Write(table, JsonStyle::kPlain, row), R"({"c":"-12.50"})");
}

TEST(JsonWriter, WritesTheExactDigitsOfDecimals) {
  const std::string nines(1000, '9');
  const std::string small = "0." + std::string(999, '0') + "1";
  for (const auto& [text, precision, scale] :
       {std::tuple{"0.00"s, 4, 2},
        {"0.05"s, 4, 2},
        {"-0.05"s, 4, 2},
        {"-99.99"s, 4, 2},
        {"7"s, 4, 0},
        {"100000000000000000000"s, 30, 0},
        {"-1000000000.000000000"s, 30, 9},
        {"0.00099"s, 2, 5},
        {"9223372036854775808"s, 19, 0},
        {nines, 1000, 0},
        {"-" + nines, 1000, 0},
        {"0." + nines, 1000, 1000},
        {small, 1000, 1000},
        {"-" + small, 1000, 1000},
        {std::string("1") + std::string(1999, '0'), 1000, -1000}}) {
    EXPECT_EQ(PlainDecimal(text, precision, scale), R"({"c":")" + text + R"("})");
  }
}

TEST(JsonWriter, WritesArraysAfterTheStyle) {
  EXPECT_EQ(Avro(kInt4Array, "{1,NULL,-2}"), R"({"array": [{"int": 1}, null, {"int": -2}]})");
  EXPECT_EQ(Avro(kInt4Array, "{}"), R"({"array": []})");
  EXPECT_EQ(Avro(kByteaArray, R"({"\\x00ff"})"), R"({"array": [{"bytes": "\u0000\u00FF"}]})");
  EXPECT_EQ(Plain(kInt4Array, "{1,NULL,-2}"), "[1,null,-2]");
  EXPECT_EQ(Plain(kInt4Array, "{}"), "[]");
  EXPECT_EQ(Plain(kTextArray, R"({NULL,"NULL","a\"b","{}"})"), R"([null,"NULL","a\"b","{}"])");
  EXPECT_EQ(Plain(kFloat8Array, "{1.5,NaN}"), R"([1.5,"NaN"])");
  EXPECT_EQ(Plain(kByteaArray, R"({"\\x00ff"})"), R"(["\\x00ff"])");
  EXPECT_EQ(Plain(kJsonbArray, R"({"{\"a\": 1}",1})"), R"([{"a": 1},1])");
  EXPECT_EQ(Plain(kTimestampArray, R"({"2026-11-21 12:30:00",infinity})"),
            R"(["2026-11-21T12:30:00","infinity"])");
}

TEST(JsonWriter, ShowsTextBesideAsTheColumnInPlainStyle) {
  const Table table = MakeTable({MakeColumn("n", type_oid::kNumeric, false, NumericTypmod(4, 1)),
                                 MakeColumn("ä", kInt4Array), MakeColumn("last", type_oid::kInt4)});
  const auto plain = [&](const std::vector<TextValue>& values) {
    std::string body;
    const RowForm form = RowEncoder(table).EncodeValue(values, {}, &body).form;
    std::string json;
    AppendJson(CompiledSchema::Parse(BuildValueSchema(table, form)), JsonStyle::kPlain, body,
               &json);
    return json;
  };
  EXPECT_EQ(plain({TextValue::Text("NaN"), TextValue::Text("{1}"), TextValue::Text("5")}),
            R"({"n":"NaN","ä":[1],"last":5})");
  EXPECT_EQ(plain({TextValue::Null(), TextValue::Text("{{1}}"), TextValue::Null()}),
            R"({"n":null,"ä":"{{1}}","last":null})");
  EXPECT_EQ(plain({TextValue::UnchangedToast(), TextValue::Null(), TextValue::Null()}),
            R"({"n":"__bottledwater_unavailable_value","ä":null,"last":null})");
}

// --arrays=text, and what 0.1.0 has written: the text of an array of documents is no document.
TEST(JsonWriter, WritesArraysThatAreTextAsTexts) {
  for (const uint32_t oid : {kJsonbArray, kNumericArray}) {
    Column column = MakeColumn("c", oid);
    column.type = ColumnTypeOf(oid, -1, {.arrays = ArrayForm::kText}, NoUserType);
    const Table table = MakeTable({column});
    EXPECT_EQ(Write(table, JsonStyle::kPlain, Encode(table, {TextValue::Text("{1,NULL}")})),
              R"({"c":"{1,NULL}"})");
  }
}

TEST(JsonWriter, RefusesArraysAndDecimalsThatLie) {
  const auto write = [](const Table& table, RowForm form, const std::string& body) {
    std::string out;
    AppendJson(CompiledSchema::Parse(BuildValueSchema(table, form)), JsonStyle::kPlain, body, &out);
    return out;
  };
  const Table array = MakeTable({MakeColumn("c", kInt4Array)});
  const Table decimal =
      MakeTable({MakeColumn("c", type_oid::kNumeric, false, NumericTypmod(4, 1))});
  // Two blocks; one with its size in bytes before it.
  EXPECT_EQ(write(array, RowForm::kNative, "\x02\x02\x02\x02\x03\x08\x02\x04\x02\x06\x00"s),
            R"({"c":[1,2,3]})");
  for (const std::string& body : {
           "\x02\x02"s,                                              // Ends in the count's array.
           "\x02\x02\x02\x02"s,                                      // No end.
           "\x02\xfe\xff\xff\xff\x0f\x00\x00"s,                      // More elements than bytes.
           "\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x00"s,  // -2^63 elements.
           "\x02\x01\x01\x02\x02\x00"s,                              // A block of -1 bytes.
           "\x02\x01\x7e\x02\x02\x00"s,                              // One of 63 bytes.
           "\x02\x02\x04\x00"s,                                      // Branch 2.
       }) {
    EXPECT_EQ(ErrorOf([&] { write(array, RowForm::kNative, body); }).kind(), ErrorKind::kHalt);
  }
  EXPECT_EQ(ErrorOf([&] { write(decimal, RowForm::kNative, "\x02\x00"s); }).kind(),
            ErrorKind::kHalt);
  EXPECT_EQ(write(decimal, RowForm::kNative, "\x02\x80\x0d"s + std::string(832, '\xff')),
            R"({"c":"-0.1"})");
  EXPECT_EQ(ErrorOf([&] {
              write(decimal, RowForm::kNative, "\x02\x82\x0d"s + std::string(833, '\0'));
            }).kind(),
            ErrorKind::kHalt);
  // A value, and a text instead of it.
  EXPECT_EQ(ErrorOf([&] { write(decimal, RowForm::kTextBeside, "\x02\x02\x01\x02\x02x"s); }).kind(),
            ErrorKind::kHalt);
}

}  // namespace
}  // namespace bw
