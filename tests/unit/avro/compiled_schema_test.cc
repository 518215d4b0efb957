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
    const AvroType written = AvroTypeOf(KindOfType(table.columns[i].type_oid));
    const AvroType read = AvroTypeOf(schema.fields()[i].kind);
    EXPECT_EQ(read.primitive, written.primitive);
    EXPECT_EQ(read.logical_type, written.logical_type);
    EXPECT_EQ(schema.fields()[i].name, table.columns[i].name);
  }
  EXPECT_EQ(schema.fields()[9].kind, ValueKind::kJson);
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
       }) {
    const Error error = ErrorOf([&] { CompiledSchema::Parse(json); });
    EXPECT_EQ(error.kind(), ErrorKind::kHalt) << json;
  }
}

}  // namespace
}  // namespace bw
