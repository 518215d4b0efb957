#include "avro/compiled_schema.h"

#include <gtest/gtest.h>

#include "avro/schema_builder.h"
#include "unit/avro/avro_test_util.h"

namespace bw {
namespace {

TEST(CompiledSchema, ReadsEveryTypeThatTheBuilderWrites) {
  const Table table = MakeTableOfAllTypes();
  const auto schema = CompiledSchema::Parse(BuildValueSchema(table));
  ASSERT_EQ(schema.fields().size(), table.columns.size());
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const AvroType written = AvroTypeOf(table.columns[i].type.kind);
    const AvroType read = AvroTypeOf(schema.fields()[i].type.kind);
    EXPECT_EQ(read.primitive, written.primitive);
    EXPECT_EQ(read.logical_type, written.logical_type);
    EXPECT_EQ(schema.fields()[i].name, table.columns[i].name);
  }
  EXPECT_EQ(schema.fields()[9].type.kind, ValueKind::kJson);
  EXPECT_EQ(schema.fields()[17].type, table.columns[17].type);
  EXPECT_EQ(schema.fields()[18].type, table.columns[18].type);
  EXPECT_EQ(schema.fields()[20].type, table.columns[20].type);
}

TEST(CompiledSchema, KnowsWhichFieldsAreTextsBeside) {
  const Table table = MakeTable({MakeColumn("a", type_oid::kInt4), MakeColumn("ä", kInt4Array),
                                 MakeColumn("k", type_oid::kNumeric, true, NumericTypmod(4, 1))});
  const auto native = CompiledSchema::Parse(BuildValueSchema(table));
  EXPECT_EQ(native.fields().size(), 3u);
  EXPECT_EQ(native.column_count(), 3u);
  const auto beside = CompiledSchema::Parse(BuildValueSchema(table, RowForm::kTextBesideInKey));
  EXPECT_EQ(beside.column_count(), 3u);
  ASSERT_EQ(beside.fields().size(), 5u);
  EXPECT_FALSE(beside.fields()[1].is_text_beside);
  EXPECT_TRUE(beside.fields()[2].is_text_beside);
  EXPECT_EQ(beside.fields()[2].name, "_c3__a4___text");
  EXPECT_EQ(beside.fields()[2].postgresql_name, "ä");
  EXPECT_TRUE(beside.fields()[4].is_text_beside);
}

// A domain over json is no text, though both are Avro strings.
TEST(CompiledSchema, KnowsTheTypeBelowADomain) {
  Column document = MakeColumn("c", 16999);
  document.type_name = PostgresTypeName(16999, -1, "doc");
  document.type.kind = ValueKind::kJson;
  Column numbers = document;
  numbers.name = "n";
  numbers.type.kind = ValueKind::kArray;
  numbers.type.element = ValueKind::kNumeric;
  const auto schema = CompiledSchema::Parse(BuildValueSchema(MakeTable({document, numbers})));
  EXPECT_EQ(schema.fields()[0].type.kind, ValueKind::kJson);
  EXPECT_EQ(schema.fields()[1].type.element, ValueKind::kNumeric);
}

TEST(CompiledSchema, KnowsTheSymbolsOfEnums) {
  const Table table =
      MakeTable({MakeEnumColumn("int", {"sad", "ok"}), MakeEnumColumn("a", {"x"}, true)});
  const std::string json = BuildValueSchema(table);
  EXPECT_NE(
      json.find(R"({"type":"enum","name":"test__int__enum","namespace":"bottledwater.public",)"
                R"("symbols":["sad","ok"]})"),
      std::string::npos);
  const auto schema = CompiledSchema::Parse(json);
  EXPECT_EQ(schema.fields()[0].type, table.columns[0].type);
  EXPECT_EQ(schema.fields()[0].enum_name, "bottledwater.public.test__int__enum");
  EXPECT_EQ(schema.fields()[1].type, table.columns[1].type);
  EXPECT_EQ(schema.fields()[1].enum_name, "bottledwater.public.test__a__enum");
}

TEST(CompiledSchema, RefusesEveryTruncation) {
  const std::string json = BuildValueSchema(MakeTableOfAllTypes());
  for (size_t length = 0; length < json.size(); ++length) {
    const Error error = ErrorOf([&] { CompiledSchema::Parse(json.substr(0, length)); });
    EXPECT_EQ(error.kind(), ErrorKind::kHalt);
  }
}

TEST(CompiledSchema, RefusesSchemasThatAreNotOurs) {
  const std::string field_start =
      R"({"type":"record","fields":[{"name":"a","postgresql_type":"x",)";
  for (const std::string& json : {
           std::string("null"),
           std::string("[]"),
           std::string("\"record\""),
           std::string("{}"),
           std::string(R"({"type":"record"})"),
           std::string(R"({"type":"enum","fields":[]})"),
           std::string(R"({"type":"record","fields":[1]})"),
           std::string(R"({"type":"record","fields":[{}]})"),
           field_start + R"("type":"int"}]})",
           field_start + R"("type":["int","null"]}]})",
           field_start + R"("type":["null","int","long"]}]})",
           field_start + R"("type":["null",7]}]})",
           field_start + R"("type":["null","array"]}]})",
           field_start + R"("type":["null",{"type":"int","logicalType":"uuid"}]}]})",
           field_start + R"("type":["null",{"type":[]}]}]})",
           field_start + R"("type":["null",{"type":"array"}]}]})",
           field_start + R"("type":["null",{"type":"array","items":"int"}]}]})",
           field_start + R"("type":["null",{"type":"array","items":["int","null"]}]}]})",
           field_start + R"("type":["null",{"type":"array","items":["null",{"type":"array",)"
                         R"("items":["null","int"]}]}]}]})",
           field_start + R"("type":["null",{"type":"bytes","logicalType":"decimal"}]}]})",
           field_start + R"("type":["null",{"type":"bytes","logicalType":"decimal",)"
                         R"("precision":2,"scale":3}]}]})",
           field_start + R"("type":["null",{"type":"bytes","logicalType":"decimal",)"
                         R"("precision":-1,"scale":-1}]}]})",
           field_start + R"("type":["null",{"type":"bytes","logicalType":"decimal",)"
                         R"("precision":1e9,"scale":0}]}]})",
           field_start + R"("type":["null",{"type":"enum","name":"a","namespace":"b"}]}]})",
           field_start + R"("type":["null",{"type":"enum","name":"a","namespace":"b",)"
                         R"("symbols":[]}]}]})",
           field_start + R"("type":["null",{"type":"enum","name":"a","namespace":"b",)"
                         R"("symbols":[1]}]}]})",
           field_start + R"("type":["null",{"type":"enum","symbols":["x"]}]}]})",
           field_start + R"("postgresql_text_of":"b","type":["null","string"]}]})",
           field_start + R"("type":["null","int"]},{"name":"b","postgresql_text_of":"c",)"
                         R"("type":["null","string"]}]})",
           field_start + R"("type":["null","int"]},{"name":"b","postgresql_text_of":"a",)"
                         R"("type":["null","bytes"]}]})",
       }) {
    const Error error = ErrorOf([&] { CompiledSchema::Parse(json); });
    EXPECT_EQ(error.kind(), ErrorKind::kHalt) << json;
  }
}

}  // namespace
}  // namespace bw
