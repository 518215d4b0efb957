#include "avro/schema_builder.h"

#include <avro.h>
#include <gtest/gtest.h>

#include "avro/compiled_schema.h"
#include "unit/avro/avro_test_util.h"

namespace bw {
namespace {

void ExpectAvroAccepts(const std::string& json) {
  avro_schema_t schema = nullptr;
  ASSERT_EQ(avro_schema_from_json_length(json.data(), json.size(), &schema), 0)
      << json << avro_strerror();
  avro_schema_decref(schema);
}

TEST(SchemaBuilder, WritesTheGoldenValueAndKeySchema) {
  const Table table = MakeTable({MakeColumn("id", type_oid::kInt4, true),
                                 MakeColumn("crêpes", type_oid::kVarchar, false, 24)});
  const std::string start =
      R"({"type":"record","name":"test","namespace":"bottledwater.public","fields":[)";
  const std::string id =
      R"({"name":"id","type":["null","int"],"default":null,"postgresql_type":"integer"})";
  const std::string crepes =
      R"({"name":"cr_c3__aa_pes","type":["null","string"],"default":null,"postgresql_type":)"
      "\"character varying(20)\",\"postgresql_name\":\"crêpes\"}";
  EXPECT_EQ(BuildValueSchema(table), start + id + "," + crepes + "]}");
  EXPECT_EQ(BuildKeySchema(table), start + id + "]}");
}

TEST(SchemaBuilder, GivesEveryTypeItsAvroType) {
  const std::string schema = BuildValueSchema(MakeTableOfAllTypes());
  ExpectAvroAccepts(schema);
  const auto has = [&schema](const std::string& name, const std::string& type) {
    return schema.find(R"({"name":")" + name + R"(","type":["null",)" + type + "]") !=
           std::string::npos;
  };
  EXPECT_TRUE(has("bool", R"("boolean")"));
  EXPECT_TRUE(has("int2", R"("int")"));
  EXPECT_TRUE(has("int4", R"("int")"));
  EXPECT_TRUE(has("int8", R"("long")"));
  EXPECT_TRUE(has("oid", R"("long")"));
  EXPECT_TRUE(has("float4", R"("float")"));
  EXPECT_TRUE(has("float8", R"("double")"));
  EXPECT_TRUE(has("numeric", R"("string")"));
  EXPECT_TRUE(has("text", R"("string")"));
  EXPECT_TRUE(has("jsonb", R"("string")"));
  EXPECT_TRUE(has("uuid", R"({"type":"string","logicalType":"uuid"})"));
  EXPECT_TRUE(has("bytea", R"("bytes")"));
  EXPECT_TRUE(has("date", R"({"type":"int","logicalType":"date"})"));
  EXPECT_TRUE(has("time", R"({"type":"long","logicalType":"time-micros"})"));
  EXPECT_TRUE(has("timestamp", R"({"type":"long","logicalType":"local-timestamp-micros"})"));
  EXPECT_TRUE(has("timestamptz", R"({"type":"long","logicalType":"timestamp-micros"})"));
  EXPECT_TRUE(has("interval", R"("string")"));
}

TEST(SchemaBuilder, KeepsTablesWithoutColumnsOrKey) {
  const Table empty = MakeTable({});
  EXPECT_EQ(BuildValueSchema(empty),
            R"({"type":"record","name":"test","namespace":"bottledwater.public","fields":[]})");
  EXPECT_EQ(BuildKeySchema(empty), std::nullopt);
  EXPECT_EQ(BuildKeySchema(MakeTable({MakeColumn("a", type_oid::kText)})), std::nullopt);
}

TEST(SchemaBuilder, KeyFieldsHaveTheNamesOfTheValue) {
  const Table table =
      MakeTable({MakeColumn("a_2d_b", type_oid::kText), MakeColumn("a-b", type_oid::kText, true),
                 MakeColumn("id", type_oid::kInt8, true)});
  const auto key = CompiledSchema::Parse(*BuildKeySchema(table));
  ASSERT_EQ(key.fields().size(), 2u);
  EXPECT_EQ(key.fields()[0].name, "a_2d_b_2");
  EXPECT_EQ(key.fields()[0].postgresql_name, "a-b");
  EXPECT_EQ(key.fields()[1].name, "id");
}

TEST(SchemaBuilder, SurvivesEveryNameThatPostgresAllows) {
  const std::string emoji = "🍶🍶🍶🍶🍶🍶🍶🍶🍶🍶🍶🍶🍶🍶🍶abc";  // 63 bytes.
  ASSERT_EQ(emoji.size(), 63u);
  for (const std::string& name :
       {emoji, std::string("a\"b"), std::string("a.b\\"), std::string("\x01\x1b[31m\n"),
        std::string(" "), std::string("int"), std::string("record"), std::string("null")}) {
    const Table table{name, name, {MakeColumn(name, type_oid::kText, true)}};
    ExpectAvroAccepts(BuildValueSchema(table));
    ExpectAvroAccepts(*BuildKeySchema(table));
    EXPECT_EQ(CompiledSchema::Parse(BuildValueSchema(table)).fields()[0].postgresql_name, name);
  }
}

TEST(SchemaBuilder, ReplacesNamesThatAreNotUtf8OnlyInProperties) {
  const std::string schema = BuildValueSchema(MakeTable({MakeColumn("a\xff", type_oid::kText)}));
  EXPECT_NE(schema.find(R"("name":"a_ff_")"), std::string::npos);
  EXPECT_NE(schema.find("\"postgresql_name\":\"a\xEF\xBF\xBD\""), std::string::npos);
}

TEST(SchemaBuilder, RefusesATableThatAvroCannotName) {
  const Error error = ErrorOf([] { BuildValueSchema({"public", "", {}}); });
  EXPECT_EQ(error.kind(), ErrorKind::kRow);
  EXPECT_NE(std::string(error.what()).find("public."), std::string::npos);
}

TEST(SchemaBuilder, DescribesDecimalsArraysAndEnums) {
  Column mood = MakeColumn("mood", 16999);
  mood.type_name = "mood";
  mood.enum_labels = {"sad", "ok", "\"happy\""};
  const Table table =
      MakeTable({MakeColumn("n", type_oid::kNumeric, false, NumericTypmod(10, 2)),
                 MakeColumn("a", kTimestampArray),
                 MakeColumn("d", kNumericArray, false, NumericTypmod(10, 2)), mood});
  const std::string schema = BuildValueSchema(table);
  ExpectAvroAccepts(schema);
  const std::string decimal =
      R"(["null",{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}])";
  const auto has = [&schema](const std::string& part) {
    EXPECT_NE(schema.find(part), std::string::npos) << part << " in " << schema;
  };
  has(R"({"name":"n","type":)" + decimal +
      R"x(,"default":null,"postgresql_type":"numeric(10,2)"})x");
  has(R"({"name":"a","type":["null",{"type":"array","items":["null",)"
      R"({"type":"long","logicalType":"local-timestamp-micros"}]}],"default":null,)"
      R"("postgresql_type":"timestamp without time zone[]"})");
  has(R"({"name":"d","type":["null",{"type":"array","items":)" + decimal + R"(}],"default":null,)");
  has(R"("postgresql_type":"mood","postgresql_enum":["sad","ok","\"happy\""]})");
}

// A key's bytes begin with the id of its schema.
TEST(SchemaBuilder, KeepsTheKeySchemaWhenAnEnumGrows) {
  Column mood = MakeColumn("mood", 16999, true);
  mood.enum_labels = {"sad"};
  const Table before = MakeTable({mood});
  mood.enum_labels = {"sad", "ok"};
  const Table after = MakeTable({mood});
  EXPECT_EQ(BuildKeySchema(before), BuildKeySchema(after));
  EXPECT_NE(BuildValueSchema(before), BuildValueSchema(after));
}

TEST(SchemaBuilder, DiffersBetweenFormsOnlyInTexts) {
  const Table table = MakeTable({MakeColumn("k", type_oid::kNumeric, true, NumericTypmod(4, 0)),
                                 MakeColumn("a", kInt4Array), MakeColumn("t", type_oid::kText)});
  const auto without = [](std::string schema, const std::string& part) {
    const size_t at = schema.find(part);
    EXPECT_NE(at, std::string::npos) << part << " in " << schema;
    return schema.erase(at, part.size());
  };
  const std::string k = R"({"name":"k__text","type":["null","string"],"default":null,)"
                        R"("postgresql_text_of":"k"})";
  const std::string a = R"({"name":"a__text","type":["null","string"],"default":null,)"
                        R"("postgresql_text_of":"a"},)";
  const std::string native = BuildValueSchema(table);
  const std::string beside = BuildValueSchema(table, RowForm::kTextBeside);
  const std::string in_key = BuildValueSchema(table, RowForm::kTextBesideInKey);
  EXPECT_EQ(without(beside, a), native);
  EXPECT_EQ(without(in_key, k + ","), beside);
  EXPECT_EQ(BuildKeySchema(table, RowForm::kTextBeside), BuildKeySchema(table));
  EXPECT_EQ(without(*BuildKeySchema(table, RowForm::kTextBesideInKey), "," + k),
            *BuildKeySchema(table));
  for (const std::string& schema : {native, beside, in_key}) ExpectAvroAccepts(schema);
}

TEST(SchemaBuilder, HasOneFormForTablesWhoseTypesHoldAllValues) {
  const Table table =
      MakeTable({MakeColumn("k", type_oid::kInt4, true), MakeColumn("n", type_oid::kNumeric),
                 MakeColumn("t", type_oid::kText)});
  for (const RowForm form : kAllRowForms) {
    EXPECT_EQ(BuildValueSchema(table, form), BuildValueSchema(table));
    EXPECT_EQ(BuildKeySchema(table, form), BuildKeySchema(table));
  }
}

TEST(SchemaBuilder, GivesTextFieldsNamesOfTheirOwn) {
  const Table table =
      MakeTable({MakeColumn("a__text", type_oid::kText), MakeColumn("a", kInt4Array, true),
                 MakeColumn("a__text_2", kInt4Array), MakeColumn("A", kInt4Array)});
  const auto value = CompiledSchema::Parse(BuildValueSchema(table, RowForm::kTextBesideInKey));
  std::vector<std::string> names;
  for (const auto& field : value.fields()) names.push_back(field.name);
  EXPECT_EQ(names, (std::vector<std::string>{"a__text", "a", "a__text_3", "a__text_2",
                                             "a__text_2__text", "A", "A__text"}));
  const auto key = CompiledSchema::Parse(*BuildKeySchema(table, RowForm::kTextBesideInKey));
  ASSERT_EQ(key.fields().size(), 2u);
  EXPECT_EQ(key.fields()[1].name, "a__text");
}

// Another column must not change the bytes of keys: the rows before it would keep theirs.
TEST(SchemaBuilder, TheKeysTextHasItsNameFromTheKeyAlone) {
  const Column key = MakeColumn("k", type_oid::kNumeric, true, NumericTypmod(4, 1));
  const Table before = MakeTable({key});
  const Table after = MakeTable({key, MakeColumn("k__text", type_oid::kInt4)});
  EXPECT_EQ(BuildKeySchema(before, RowForm::kTextBesideInKey),
            BuildKeySchema(after, RowForm::kTextBesideInKey));
  EXPECT_NE(BuildKeySchema(before, RowForm::kTextBesideInKey), BuildKeySchema(before));
}

TEST(SchemaBuilder, HasCommentsAsDocOnRequestButNotInKeys) {
  Column id = MakeColumn("id", type_oid::kInt4, true);
  id.comment = "which one";
  Table table = MakeTable({id, MakeColumn("v", type_oid::kInt4)});
  table.comment = "a \"table\"";
  const std::string without = BuildValueSchema(table);
  EXPECT_EQ(without.find("doc"), std::string::npos);
  const std::optional<std::string> key = BuildKeySchema(table);
  table.with_docs = true;
  const std::string with = BuildValueSchema(table);
  EXPECT_NE(with.find(R"("doc":"a \"table\"")"), std::string::npos);
  EXPECT_NE(with.find(R"("doc":"which one")"), std::string::npos);
  EXPECT_EQ(BuildKeySchema(table), key);
  table.comment.reset();
  table.columns[0].comment.reset();
  EXPECT_EQ(BuildValueSchema(table), without);
}

}  // namespace
}  // namespace bw
