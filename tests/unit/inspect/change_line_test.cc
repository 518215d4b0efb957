// Changes as lines of JSON, and which of them are selected.

#include "inspect/change_line.h"

#include <gtest/gtest.h>

#include "avro/row_encoder.h"
#include "avro/schema_builder.h"
#include "base/error.h"
#include "inspect/change_selection.h"
#include "support/make_table.h"

namespace bw {
namespace {

TableForm FormOf(const std::vector<Column>& columns, RowForm row_form = RowForm::kNative) {
  const Table table{"public", "orders", columns};
  TableForm form{{"public", "orders"},
                 "public.orders",
                 std::nullopt,
                 SpooledSchema::Parse(BuildValueSchema(table, row_form))};
  if (const auto key = BuildKeySchema(table, row_form)) form.key = SpooledSchema::Parse(*key);
  return form;
}

const TableForm& Orders() {
  static const TableForm form = FormOf({MakeColumn("id", 23, true), MakeColumn("note", 25, false)});
  return form;
}

// Avro bodies: each field is a union, whose second branch is the value.
const std::string kKey17 = "\x02\x22";
const std::string kKey18 = "\x02\x24";
const std::string kRow17 = "\x02\x22\x02\x04hi";

Change ChangeOf(const std::string& key, const std::optional<std::string_view>& value) {
  Change change;
  change.position = {Lsn{0x1A2B3C8}, 3};
  change.operation = value ? Operation::kUpdate : Operation::kDelete;
  change.schema_id = SchemaId{2};
  change.xid = 733;
  change.commit_time_us = 1'500'000;
  change.key = key;
  change.value = value;
  return change;
}

TEST(ChangeLine, IsOneJsonObject) {
  EXPECT_EQ(ChangeLine(Orders(), Orders(), ChangeOf(kKey17, kRow17)),
            R"({"lsn":"0/1A2B3C8","index":3,"op":"u","table":"public.orders","xid":733,)"
            R"("commit_time":"1970-01-01T00:00:01.500Z","schema":2,"key":{"id":17},)"
            R"("value":{"id":17,"note":"hi"}})");
  EXPECT_TRUE(ChangeLine(Orders(), Orders(), ChangeOf(kKey17, std::nullopt))
                  .ends_with(R"("key":{"id":17},"value":null})"));
  Change moved = ChangeOf(kKey17, kRow17);
  moved.old_key = kKey18;
  EXPECT_NE(ChangeLine(Orders(), Orders(), moved).find(R"("old_key":{"id":18},"key":{"id":17})"),
            std::string::npos);
}

TEST(ChangeLine, SaysWhatCannotBeJson) {
  const std::string line = ChangeLine(Orders(), Orders(), ChangeOf(kKey17, "\x02\x22\x02\x02\xE9"));
  EXPECT_NE(line.find(R"("value":null,"error":")"), std::string::npos) << line;
  EXPECT_NE(line.find("note"), std::string::npos) << line;
}

TEST(ChangeLine, OfABodyThatDoesNotFitIsAHalt) {
  EXPECT_THROW(ChangeLine(Orders(), Orders(), ChangeOf(kKey17, "\x02")), Error);
}

TEST(ChangeSelection, FindsAKeyAsObjectOrAsItsOnlyValue) {
  const Change change = ChangeOf(kKey17, kRow17);
  for (const char* key : {"17", R"({"id": 17})", ""}) {
    EXPECT_TRUE(ChangeSelection({}, key).Selects(Orders(), Orders(), change)) << key;
  }
  for (const char* key : {"18", R"("17")", R"({"id": 18})", R"({"id": 17, "more": 1})", "[17]"}) {
    EXPECT_FALSE(ChangeSelection({}, key).Selects(Orders(), Orders(), change)) << key;
  }
  Change moved = ChangeOf(kKey17, kRow17);
  moved.old_key = kKey18;
  EXPECT_TRUE(ChangeSelection({}, "18").Selects(Orders(), Orders(), moved));
}

// PostgreSQL has all digits, JSON's numbers have not.
TEST(ChangeSelection, ComparesNumericAsNumbers) {
  const TableForm form = FormOf({MakeColumn("id", 1700, true), MakeColumn("note", 25, true)});
  const TableForm only = FormOf({MakeColumn("id", 1700, true)});
  // Each text, after the union's branch and its length.
  const auto body = [](const std::string& text) {
    return std::string("\x02") + static_cast<char>(2 * text.size()) + text;
  };
  const auto finds = [&](const std::string& id, const std::string& key) {
    return ChangeSelection({}, key).Selects(only, only, ChangeOf(body(id), std::nullopt));
  };
  for (const char* key : {"17", "17.0", "1.7e1", "\"17\"", R"({"id": 17})", R"({"id": "17.00"})"}) {
    EXPECT_TRUE(finds("17.00", key)) << key;
    EXPECT_TRUE(finds("17", key)) << key;
    EXPECT_FALSE(finds("170", key)) << key;
    EXPECT_FALSE(finds("-17", key)) << key;
  }
  EXPECT_TRUE(finds("0.00", "0") && finds("0", "-0.0") && finds("-0.5", "-5e-1"));
  EXPECT_TRUE(finds("12345678901234567890.10", "12345678901234567890.1"));
  EXPECT_FALSE(finds("12345678901234567890.10", "12345678901234567890.2"));
  EXPECT_TRUE(finds("NaN", "\"NaN\""));
  EXPECT_FALSE(finds("NaN", "0") || finds("17", "\"\"") || finds("17", "null") ||
               finds("17", "[17]"));
  // With another column; the text "17" is no number.
  const std::string bodies = body("17.5") + body("17");
  const Change both = ChangeOf(bodies, std::nullopt);
  EXPECT_TRUE(ChangeSelection({}, R"({"note": "17", "id": 17.5})").Selects(form, form, both));
  for (const char* key :
       {R"({"note": 17, "id": 17.5})", R"({"id": 17.5})", "17.5",
        R"({"note": "17", "id": 17.5, "more": 1})", R"({"no": "17", "id": 17.5})"}) {
    EXPECT_FALSE(ChangeSelection({}, key).Selects(form, form, both)) << key;
  }
}

TEST(ChangeSelection, ComparesDecimalsArraysAndTextsBeside) {
  const std::vector<Column> columns = {MakeColumn("n", 1700, true, NumericTypmod(6, 2)),
                                       MakeColumn("a", 1007, true)};
  const RowEncoder encoder({"public", "orders", columns});
  const auto finds = [&](const char* n, const char* a, const char* key) {
    std::string body;
    const RowForm row_form =
        encoder.EncodeKey(std::vector{TextValue::Text(n), TextValue::Text(a)}, {}, &body);
    const TableForm form = FormOf(columns, row_form);
    return ChangeSelection({}, key).Selects(form, form, ChangeOf(body, std::nullopt));
  };
  EXPECT_TRUE(finds("17.50", "{1,2}", R"({"n": 17.5, "a": [1, 2]})"));
  EXPECT_TRUE(finds("17.50", "{1,2}", R"({"n": "17.50", "a": [1, 2]})"));
  EXPECT_FALSE(finds("17.51", "{1,2}", R"({"n": 17.5, "a": [1, 2]})"));
  EXPECT_FALSE(finds("17.50", "{1,3}", R"({"n": 17.5, "a": [1, 2]})"));
  EXPECT_TRUE(finds("17.50", "{{1}}", R"({"n": 17.5, "a": "{{1}}"})"));
  EXPECT_TRUE(finds("NaN", "{1,2}", R"({"n": "NaN", "a": [1, 2]})"));
  EXPECT_FALSE(finds("NaN", "{1,2}", R"({"n": 17.5, "a": [1, 2]})"));
}

// An update from NaN to a number: the old key has another schema than the row.
TEST(ChangeSelection, ReadsAnOldKeyByItsOwnSchema) {
  const std::vector<Column> columns = {MakeColumn("n", 1700, true, NumericTypmod(6, 2))};
  const TableForm native = FormOf(columns);
  const TableForm beside = FormOf(columns, RowForm::kTextBesideInKey);
  const std::string key = "\x02\x04\x06\xd6";  // 17.50
  const std::string nan("\x00\x02\x06NaN", 6);
  Change moved = ChangeOf(key, std::nullopt);
  moved.old_key = nan;
  moved.old_key_schema_id = SchemaId{2};
  EXPECT_TRUE(ChangeSelection({}, "17.5").Selects(native, beside, moved));
  EXPECT_TRUE(ChangeSelection({}, "\"NaN\"").Selects(native, beside, moved));
  EXPECT_NE(ChangeLine(native, beside, moved).find(R"("old_key":{"n":"NaN"},"key":{"n":"17.50"})"),
            std::string::npos);
}

TEST(ChangeSelection, FindsTablesByGlobs) {
  const Change change = ChangeOf(kKey17, kRow17);
  EXPECT_TRUE(ChangeSelection({"x", "ord*"}, "").Selects(Orders(), Orders(), change));
  EXPECT_TRUE(ChangeSelection({"public.*"}, "17").Selects(Orders(), Orders(), change));
  EXPECT_FALSE(ChangeSelection({"sales.*"}, "17").Selects(Orders(), Orders(), change));
  EXPECT_TRUE(ChangeSelection({}, "").selects_everything());
  EXPECT_FALSE(ChangeSelection({"*"}, "").selects_everything());
}

TEST(ChangeSelection, RefusesAKeyThatIsNotJson) {
  for (const std::string& key : {std::string("abc"), std::string("{"), std::string(100'000, '[')}) {
    try {
      ChangeSelection({}, key);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    }
  }
}

}  // namespace
}  // namespace bw
