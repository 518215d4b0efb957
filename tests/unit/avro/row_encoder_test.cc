#include "avro/row_encoder.h"

#include <gtest/gtest.h>

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
       {type_oid::kText, type_oid::kJsonb, type_oid::kNumeric, type_oid::kBytea, uint32_t{1009}}) {
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
  EXPECT_EQ(ErrorOf([&] { RowEncoder(table, {windows, {}}).EncodeKey(row, {}, &key); }).kind(),
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

}  // namespace
}  // namespace bw
