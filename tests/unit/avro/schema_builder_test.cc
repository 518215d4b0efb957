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

}  // namespace
}  // namespace bw
