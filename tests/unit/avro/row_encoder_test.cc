#include "avro/row_encoder.h"

#include <gtest/gtest.h>

#include "avro/json_writer.h"
#include "avro/schema_builder.h"
#include "unit/avro/avro_test_util.h"

namespace bw {
namespace {

using std::string_literals::operator""s;

Table MakeKeyedTable() {
  return MakeTable({MakeColumn("body", type_oid::kText), MakeColumn("id", type_oid::kInt4, true),
                    MakeColumn("data", type_oid::kBytea)});
}

const std::vector<TextValue> kRow = {TextValue::Text("hi"), TextValue::Text("7"),
                                     TextValue::Null()};

// The body of a string field that holds the placeholder.
std::string PlaceholderField() {
  return "\x02"s + static_cast<char>(2 * kUnavailableValue.size()) + std::string(kUnavailableValue);
}

TEST(RowEncoder, WritesTheGoldenBody) {
  EXPECT_EQ(Encode(MakeKeyedTable(), kRow), "\x02\x04hi\x02\x0e\x00"s);
}

TEST(RowEncoder, EncodesOnlyKeyColumnsIntoTheKey) {
  const RowEncoder encoder(MakeKeyedTable());
  std::string key = "before";
  encoder.EncodeKey(kRow, {}, &key);
  EXPECT_TRUE(encoder.has_key());
  EXPECT_EQ(key, "before\x02\x0e");
}

TEST(RowEncoder, KeepsTablesWithoutColumnsOrKey) {
  const RowEncoder encoder(MakeTable({}));
  std::string out;
  EXPECT_FALSE(encoder.EncodeValue({}, {}, &out).has_unavailable_value);
  EXPECT_EQ(out, "");
  EXPECT_FALSE(encoder.has_key());
}

TEST(RowEncoder, TakesUnchangedToastFromTheOldTuple) {
  const RowEncoder encoder(MakeKeyedTable());
  const std::vector<TextValue> values = {TextValue::UnchangedToast(), TextValue::Text("7"),
                                         TextValue::UnchangedToast()};
  const std::vector<TextValue> old_values = {TextValue::Text("old"), TextValue::Text("6"),
                                             TextValue::Text("\\x01")};
  std::string out;
  EXPECT_FALSE(encoder.EncodeValue(values, old_values, &out).has_unavailable_value);
  EXPECT_EQ(out, "\x02\x06old\x02\x0e\x02\x02\x01");
}

TEST(RowEncoder, NeverTakesANullForUnchangedToast) {
  const RowEncoder encoder(MakeKeyedTable());
  const std::vector<TextValue> values = {TextValue::UnchangedToast(), TextValue::Text("7"),
                                         TextValue::Null()};
  const std::vector<TextValue> old_key = {TextValue::Null(), TextValue::Text("6"),
                                          TextValue::Null()};
  std::string out;
  EXPECT_TRUE(encoder.EncodeValue(values, old_key, &out).has_unavailable_value);
  EXPECT_EQ(out, PlaceholderField() + "\x02\x0e\x00"s);
}

TEST(RowEncoder, PutsThePlaceholderIntoTextAndBytes) {
  for (const uint32_t oid :
       {type_oid::kText, type_oid::kJsonb, type_oid::kNumeric, type_oid::kBytea}) {
    std::string out;
    const RowEncoder encoder(MakeTable({MakeColumn("c", oid)}));
    const std::vector<TextValue> values = {TextValue::UnchangedToast()};
    EXPECT_TRUE(encoder.EncodeValue(values, {}, &out).has_unavailable_value);
    EXPECT_EQ(out, PlaceholderField());
  }
}

TEST(RowEncoder, RefusesUnchangedToastWithoutAPlaceholder) {
  const Table table =
      MakeTable({MakeColumn("c", type_oid::kInt4), MakeColumn("k", type_oid::kText, true)});
  const RowEncoder encoder(table);
  std::string out = "x";
  const std::vector<TextValue> values = {TextValue::UnchangedToast(), TextValue::UnchangedToast()};
  EXPECT_EQ(ErrorOf([&] { encoder.EncodeValue(values, {}, &out); }).kind(), ErrorKind::kRow);
  EXPECT_EQ(ErrorOf([&] { encoder.EncodeKey(values, {}, &out); }).kind(), ErrorKind::kRow);
  EXPECT_EQ(out, "x");
}

TEST(RowEncoder, NamesTheColumnButNeverTheValue) {
  Table table = MakeKeyedTable();
  table.columns[1].name = "id\n\x1b[31m";
  const RowEncoder encoder(table);
  std::string out = "x";
  const std::vector<TextValue> values = {TextValue::Text("hi"), TextValue::Text("secret"),
                                         TextValue::Null()};
  const Error error = ErrorOf([&] { encoder.EncodeValue(values, {}, &out); });
  const std::string what = error.what();
  EXPECT_EQ(error.kind(), ErrorKind::kRow);
  EXPECT_NE(what.find("public.test"), std::string::npos) << what;
  EXPECT_NE(what.find("id"), std::string::npos) << what;
  EXPECT_NE(what.find("(integer)"), std::string::npos) << what;
  EXPECT_EQ(what.find("secret"), std::string::npos) << what;
  EXPECT_EQ(what.find('\n'), std::string::npos) << what;
  EXPECT_EQ(what.find('\x1b'), std::string::npos) << what;
  EXPECT_EQ(out, "x");
}

TEST(RowEncoder, HaltsWhenATupleHasAnotherNumberOfColumns) {
  const RowEncoder encoder(MakeKeyedTable());
  std::string out;
  const std::vector<TextValue> two(2);
  const std::vector<TextValue> four(4);
  EXPECT_EQ(ErrorOf([&] { encoder.EncodeValue(two, {}, &out); }).kind(), ErrorKind::kHalt);
  EXPECT_EQ(ErrorOf([&] { encoder.EncodeKey(four, {}, &out); }).kind(), ErrorKind::kHalt);
  EXPECT_EQ(ErrorOf([&] { encoder.EncodeValue(kRow, two, &out); }).kind(), ErrorKind::kHalt);
}

TEST(RowEncoder, ChecksUtf8WhenAsked) {
  const Table table = MakeTable({MakeColumn("c", type_oid::kText)});
  const std::vector<TextValue> bad = {TextValue::Text("caf\xe9")};
  const std::vector<TextValue> good = {TextValue::Text("café")};
  std::string out;
  RowEncoder(table).EncodeValue(bad, {}, &out);
  const RowEncoder strict(table, {.encoding = TextEncoding::Of("SQL_ASCII")});
  strict.EncodeValue(good, {}, &out);
  const Error error = ErrorOf([&] { strict.EncodeValue(bad, {}, &out); });
  EXPECT_EQ(error.kind(), ErrorKind::kRow);
  EXPECT_NE(std::string(error.what()).find("UTF-8"), std::string::npos);
}

TEST(RowEncoder, PublishesInvalidTextAsTheOptionsSay) {
  Table table = MakeTable({MakeColumn("k", type_oid::kText), MakeColumn("n", type_oid::kInt4)});
  table.columns[0].key = true;
  const std::vector<TextValue> row = {TextValue::Text("\x80\x81"), TextValue::Text("1")};
  const TextEncoding windows = TextEncoding::Of("WIN1252");
  std::string key;
  std::string value;
  const RowEncoder replacing(table, {windows, InvalidText::kReplace});
  replacing.EncodeKey(row, {}, &key);
  replacing.EncodeValue(row, {}, &value);
  EXPECT_EQ(key, "\x02\x0C€\uFFFD");
  EXPECT_EQ(value, key + "\x02\x02");
  key.clear();
  table.text_as_bytes = true;
  RowEncoder(table, {windows, InvalidText::kBytes}).EncodeKey(row, {}, &key);
  EXPECT_EQ(key, "\x02\x04\x80\x81");
  EXPECT_NE(BuildKeySchema(table)->find("\"bytes\""), std::string::npos);
  EXPECT_EQ(ErrorOf([&] {
              RowEncoder(table, {windows, {}}).EncodeKey(row, {}, &key);
            }).kind(),
            ErrorKind::kRow);
}

// PostgreSQL 15 prints a "char" above 127 as one raw byte in any database.
TEST(RowEncoder, AlwaysChecksTypesThatCanHoldRawBytes) {
  constexpr uint32_t kInternalChar = 18;
  constexpr uint32_t kComposite = 16999;
  for (const uint32_t oid : {kInternalChar, kComposite}) {
    EXPECT_EQ(ErrorOf([&] { EncodeOne(oid, "\xe9"); }).kind(), ErrorKind::kRow);
  }
}

TEST(RowEncoder, RefusesANullInAKey) {
  const RowEncoder encoder(MakeKeyedTable());
  const std::vector<TextValue> row = {TextValue::Text("hi"), TextValue::Null(), TextValue::Null()};
  std::string key = "before";
  try {
    encoder.EncodeKey(row, {}, &key);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kRow);
    EXPECT_NE(std::string(error.what()).find("column \"id\""), std::string::npos);
  }
  EXPECT_EQ(key, "before");
  ASSERT_NE(encoder.NullInKey(row), nullptr);
  EXPECT_EQ(*encoder.NullInKey(row), "id");
  EXPECT_EQ(encoder.NullInKey(kRow), nullptr);
}

// --- Texts beside --------------------------------------------------------------------------------

// A decimal in the key, a decimal and an array that are not, and a text.
Table MakeMixedTable() {
  return MakeTable({MakeColumn("k", type_oid::kNumeric, true, NumericTypmod(4, 1)),
                    MakeColumn("n", type_oid::kNumeric, false, NumericTypmod(4, 1)),
                    MakeColumn("a", kInt4Array), MakeColumn("t", type_oid::kText)});
}

struct Encoded {
  RowForm value_form;
  std::string value;
  RowForm key_form;
  std::string key;
};

Encoded EncodeMixed(const std::vector<TextValue>& values) {
  const RowEncoder encoder(MakeMixedTable());
  Encoded encoded;
  encoded.value_form = encoder.EncodeValue(values, {}, &encoded.value).form;
  encoded.key_form = encoder.EncodeKey(values, {}, &encoded.key);
  return encoded;
}

TEST(RowEncoder, IsNativeWhereItCan) {
  const Encoded row = EncodeMixed(
      {TextValue::Text("1.5"), TextValue::Null(), TextValue::Text("{}"), TextValue::Text("x")});
  EXPECT_EQ(row.value_form, RowForm::kNative);
  EXPECT_EQ(row.value, "\x02\x02\x0f\x00\x02\x00\x02\x02x"s);
  EXPECT_EQ(row.key_form, RowForm::kNative);
  EXPECT_EQ(row.key, "\x02\x02\x0f");
}

TEST(RowEncoder, PutsTextBesideWhatIsNotInTheKey) {
  const Encoded row = EncodeMixed({TextValue::Text("1.5"), TextValue::Text("NaN"),
                                   TextValue::Text("{7}"), TextValue::Text("x")});
  EXPECT_EQ(row.value_form, RowForm::kTextBeside);
  // k; n and its text; a and its text; t.
  EXPECT_EQ(row.value, "\x02\x02\x0f\x00\x02\x06NaN\x02\x02\x02\x0e\x00\x00\x02\x02x"s);
  EXPECT_EQ(row.key_form, RowForm::kNative);
  EXPECT_EQ(row.key, "\x02\x02\x0f");
}

// Each is longer than its text; an array of many would overrun a buffer of the texts' size.
TEST(RowEncoder, HasRoomForIntervalsInEveryForm) {
  constexpr uint32_t kIntervalArray = 1187;
  std::string many = "{P-178956970Y-8M-2147483648DT-2562047788H-54.775808S";
  for (int i = 0; i < 1000; ++i) many += i % 2 == 0 ? ",P1Y" : ",PT1H";
  many += "}";
  for (const ValueKind kind : {ValueKind::kIntervalText, ValueKind::kIntervalMicros}) {
    Column alone = MakeColumn("alone", type_oid::kInterval);
    alone.type.kind = kind;
    Column array = MakeColumn("array", kIntervalArray);
    array.type.element = kind;
    const Table table = MakeTable({alone, alone, array});
    const RowEncoder encoder(table);
    std::string body;
    encoder.EncodeValue(Texts({"P1Y", "P-1Y-1M-1DT-1H-1M-1.000001S", many}), {}, &body);
    const bool is_text = kind == ValueKind::kIntervalText;
    EXPECT_EQ(body.find("-1 years -1 mons -1 days -01:01:01.000001") != body.npos, is_text);
  }
}

TEST(RowEncoder, PutsLabelsThatTheSchemaDoesNotHaveBeside) {
  const RowEncoder encoder(
      MakeTable({MakeEnumColumn("c", {"sad", "ok"}), MakeEnumColumn("a", {"sad", "ok"}, true)}));
  std::string body;
  EXPECT_EQ(encoder.EncodeValue(Texts({"ok", "{ok,NULL,sad}"}), {}, &body).form, RowForm::kNative);
  EXPECT_EQ(body, std::string("\x02\x02\x02\x06\x02\x02\x00\x02\x00\x00", 10));
  for (const auto& [label, labels] :
       {std::pair("new", "{sad}"), std::pair("sad", "{sad,new}"), std::pair("", "{}")}) {
    body.clear();
    EXPECT_EQ(encoder.EncodeValue(Texts({label, labels}), {}, &body).form, RowForm::kTextBeside);
  }
}

TEST(RowEncoder, HasRoomForTheLastOfManyLabels) {
  std::vector<std::string> symbols;
  for (int i = 0; i < 20'000; ++i) symbols.push_back("l" + std::to_string(i));
  symbols.push_back("z");
  std::string many = "{z";
  for (int i = 0; i < 1000; ++i) many += ",z";
  const RowEncoder encoder(MakeTable({MakeEnumColumn("a", std::move(symbols), true)}));
  std::string body;
  EXPECT_EQ(encoder.EncodeValue(Texts({many + "}"}), {}, &body).form, RowForm::kNative);
  EXPECT_EQ(body.size(), 1 + 2 + 1001 * 4 + 1);
}

TEST(RowEncoder, TakesTextsThatAreBytesForNoEnum) {
  Table table = MakeTable({MakeEnumColumn("c", {"ok"})});
  table.text_as_bytes = true;
  EXPECT_NE(BuildValueSchema(table).find(R"(["null","bytes"])"), std::string::npos);
}

TEST(RowEncoder, PutsIntervalsThatAreNoNumberBeside) {
  Column column = MakeColumn("c", type_oid::kInterval);
  column.type.kind = ValueKind::kIntervalMicros;
  const RowEncoder encoder(MakeTable({column}));
  for (const std::string& text : {std::string("infinity"), std::string("P178000000Y")}) {
    std::string body;
    EXPECT_EQ(encoder.EncodeValue(Texts({text}), {}, &body).form, RowForm::kTextBeside);
    EXPECT_EQ(body.front(), '\0');
    EXPECT_TRUE(body.ends_with(text));
  }
  std::string body;
  EXPECT_EQ(encoder.EncodeValue(Texts({"PT0.000001S"}), {}, &body).form, RowForm::kNative);
  EXPECT_EQ(body, "\x02\x02");
}

TEST(RowEncoder, PutsTextBesideInTheKeyOnlyForAKey) {
  // The need in the key is found after one that is not, and before one.
  for (const char* array : {"{7}", "{{7}}"}) {
    const Encoded row = EncodeMixed({TextValue::Text("NaN"), TextValue::Text("NaN"),
                                     TextValue::Text(array), TextValue::Text("x")});
    EXPECT_EQ(row.value_form, RowForm::kTextBesideInKey);
    EXPECT_EQ(row.key_form, RowForm::kTextBesideInKey);
    EXPECT_EQ(row.key, "\x00\x02\x06NaN"s);
    const std::string a = array == "{7}"s ? "\x02\x02\x02\x0e\x00\x00"s : "\x00\x02\x0a{{7}}"s;
    EXPECT_EQ(row.value, "\x00\x02\x06NaN\x00\x02\x06NaN"s + a + "\x02\x02x");
  }
}

TEST(RowEncoder, ReadsAsItsFormsSchema) {
  const std::vector<std::vector<TextValue>> rows = {
      {TextValue::Text("1.5"), TextValue::Text("2.5"), TextValue::Text("{7}"), TextValue::Null()},
      {TextValue::Text("1.5"), TextValue::Text("Infinity"), TextValue::Null(), TextValue::Null()},
      {TextValue::Text("-Infinity"), TextValue::Text("2.5"), TextValue::Text("[0:0]={7}"),
       TextValue::Null()}};
  const char* const values[] = {
      R"({"k": {"bytes": "\u000F"}, "n": {"bytes": "\u0019"}, "a": {"array": [{"int": 7}]}, )"
      R"("t": null})",
      R"({"k": {"bytes": "\u000F"}, "n": null, "n__text": {"string": "Infinity"}, "a": null, )"
      R"("a__text": null, "t": null})",
      R"({"k": null, "k__text": {"string": "-Infinity"}, "n": {"bytes": "\u0019"}, )"
      R"("n__text": null, "a": null, "a__text": {"string": "[0:0]={7}"}, "t": null})"};
  const char* const keys[] = {R"({"k":"1.5"})", R"({"k":"1.5"})", R"({"k":"-Infinity"})"};
  const Table table = MakeMixedTable();
  for (size_t i = 0; i < rows.size(); ++i) {
    const Encoded row = EncodeMixed(rows[i]);
    EXPECT_EQ(static_cast<size_t>(row.value_form), i);
    std::string json;
    AppendJson(CompiledSchema::Parse(BuildValueSchema(table, row.value_form)), JsonStyle::kAvroJson,
               row.value, &json);
    EXPECT_EQ(json, values[i]);
    json.clear();
    AppendJson(CompiledSchema::Parse(*BuildKeySchema(table, row.key_form)), JsonStyle::kPlain,
               row.key, &json);
    EXPECT_EQ(json, keys[i]);
  }
}

TEST(RowEncoder, PutsThePlaceholderBesideDecimalsAndArrays) {
  const RowEncoder encoder(MakeMixedTable());
  std::string out;
  const auto result = encoder.EncodeValue(
      std::vector<TextValue>{TextValue::Text("1.5"), TextValue::UnchangedToast(),
                             TextValue::UnchangedToast(), TextValue::Null()},
      {}, &out);
  EXPECT_TRUE(result.has_unavailable_value);
  EXPECT_EQ(result.form, RowForm::kTextBeside);
  EXPECT_EQ(out, "\x02\x02\x0f\x00"s + PlaceholderField() + "\x00"s + PlaceholderField() + "\x00"s);
}

// What a pass in another form has found does not count.
TEST(RowEncoder, TakesAnArrayFromTheOldTuple) {
  const RowEncoder encoder(MakeMixedTable());
  std::string out;
  const auto result =
      encoder.EncodeValue(std::vector<TextValue>{TextValue::Text("1.5"), TextValue::Text("NaN"),
                                                 TextValue::UnchangedToast(), TextValue::Null()},
                          std::vector<TextValue>{TextValue::Text("1.5"), TextValue::Null(),
                                                 TextValue::Text("{7}"), TextValue::Null()},
                          &out);
  EXPECT_FALSE(result.has_unavailable_value);
  EXPECT_EQ(out, "\x02\x02\x0f\x00\x02\x06NaN\x02\x02\x02\x0e\x00\x00\x00"s);
}

TEST(RowEncoder, RefusesAPlaceholderAndANullInAKeyOfDecimals) {
  const RowEncoder encoder(MakeMixedTable());
  std::string out = "x";
  for (const TextValue& key : {TextValue::Null(), TextValue::UnchangedToast()}) {
    const std::vector<TextValue> row = {key, TextValue::Null(), TextValue::Null(),
                                        TextValue::Null()};
    EXPECT_EQ(ErrorOf([&] { encoder.EncodeKey(row, {}, &out); }).kind(), ErrorKind::kRow);
    EXPECT_EQ(out, "x");
  }
}

TEST(RowEncoder, RefusesTextBesideThatIsNotUtf8) {
  std::string out = "x";
  for (const uint32_t oid : {kTextArray, kInt4Array}) {
    const RowEncoder encoder(MakeTable({MakeColumn("c", oid)}));
    for (const char* text : {"{{\xe9}}", "{\xe9}"}) {
      const std::vector<TextValue> row = {TextValue::Text(text)};
      EXPECT_EQ(ErrorOf([&] { encoder.EncodeValue(row, {}, &out); }).kind(), ErrorKind::kRow);
    }
  }
  EXPECT_EQ(out, "x");
}

TEST(RowEncoder, ConvertsArraysAsTexts) {
  const Table table = MakeTable({MakeColumn("c", kTextArray)});
  const RowEncoder encoder(table, {TextEncoding::Of("WIN1252"), InvalidText::kError});
  std::string out;
  encoder.EncodeValue(std::vector<TextValue>{TextValue::Text("{\x80,\"\x80 \\\"\"}")}, {}, &out);
  EXPECT_EQ(out, "\x02\x04\x02\x06€\x02\x0a€ \"\x00"s);
}

TEST(RowEncoder, LeavesArraysOfTextsToBytes) {
  Table table = MakeTable({MakeColumn("c", kTextArray), MakeColumn("i", kInt4Array)});
  table.text_as_bytes = true;
  const RowEncoder encoder(table, {TextEncoding::Of("WIN1252"), InvalidText::kBytes});
  std::string out;
  const std::vector<TextValue> row = {TextValue::Text("{{\x81}}"), TextValue::Text("{1}")};
  EXPECT_EQ(encoder.EncodeValue(row, {}, &out).form, RowForm::kNative);
  EXPECT_EQ(out, "\x02\x0a{{\x81}}\x02\x02\x02\x02\x00"s);
  EXPECT_NE(BuildValueSchema(table).find(R"("name":"c","type":["null","bytes"])"),
            std::string::npos);
  EXPECT_EQ(BuildValueSchema(table, RowForm::kTextBesideInKey).find("c__text"), std::string::npos);
}

}  // namespace
}  // namespace bw
