#include "avro/registry_schema.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "avro/schema_builder.h"
#include "unit/avro/avro_test_util.h"

namespace bw {
namespace {

using std::string_literals::operator""s;

std::string Decode(std::string_view schema, std::string_view body) {
  std::string out;
  RegistrySchema::Parse(schema).AppendJson(body, &out);
  EXPECT_TRUE(nlohmann::json::accept(out)) << out;
  return out;
}

TEST(RegistrySchema, WritesOurRowsPlainly) {
  const Table table =
      MakeTable({MakeColumn("id", type_oid::kInt4, true), MakeColumn("at", type_oid::kDate),
                 MakeColumn("doc", type_oid::kJsonb)});
  const std::string body =
      Encode(table, {TextValue::Text("1"), TextValue::Text("2026-11-22"), TextValue::Text("[1]")});
  EXPECT_EQ(Decode(BuildValueSchema(table), body), R"({"id":1,"at":"2026-11-22","doc":[1]})");
}

TEST(RegistrySchema, WritesEveryTypeOfOthers) {
  const char* const schema = R"({"type":"record","name":"r","fields":[
    {"name":"b","type":"boolean"}, {"name":"i","type":"int"}, {"name":"l","type":"long"},
    {"name":"f","type":"float"}, {"name":"d","type":"double"}, {"name":"s","type":"string"},
    {"name":"y","type":"bytes"}, {"name":"n","type":"null"},
    {"name":"e","type":{"type":"enum","name":"e","symbols":["A","B"]}},
    {"name":"x","type":{"type":"fixed","name":"x","size":2}},
    {"name":"a","type":{"type":"array","items":"int"}},
    {"name":"m","type":{"type":"map","values":["null","string"]}},
    {"name":"u","type":["null","long"]}, {"name":"v","type":["null","long"]},
    {"name":"e2","type":"e"}]})";
  const std::string body =
      "\x01\x02\x03\x00\x00\xC0\x3F\x00\x00\x00\x00\x00\x00\xF8\x7F\x04\"h\x02\xFF\x02"
      "\x01\x02\x04\x02\x04\x00\x02\x02k\x02\x02z\x00\x02\x0E\x00\x00"s;
  EXPECT_EQ(Decode(schema, body),
            R"({"b":true,"i":1,"l":-2,"f":1.5,"d":"NaN","s":"\"h","y":"\\xff","n":null,"e":"B",)"
            R"("x":"\\x0102","a":[1,2],"m":{"k":"z"},"u":7,"v":null,"e2":"A"})");
}

TEST(RegistrySchema, RefusesBodiesThatDoNotFit) {
  const RegistrySchema schema = RegistrySchema::Parse(R"({"type":"array","items":"string"})");
  const RegistrySchema ours =
      RegistrySchema::Parse(BuildValueSchema(MakeTable({MakeColumn("c", type_oid::kInt4)})));
  for (const std::string& body : {""s, "\x02"s, "\x02\x7F"s, "\x02\x02\xFF\x00"s, "\x00\x00"s,
                                  "\x02\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7Fx\x00"s}) {
    std::string out = "before";
    EXPECT_THROW(schema.AppendJson(body, &out), Error);
    EXPECT_EQ(out, "before");
    EXPECT_THROW(ours.AppendJson("\x01" + body, &out), Error);
    EXPECT_EQ(out, "before");
  }
  std::string out;
  schema.AppendJson("\x00"s, &out);  // A refused body leaves nothing behind.
  EXPECT_EQ(out, "[]");
}

TEST(RegistrySchema, RefusesWhatIsNoSchemaOrRecursive) {
  for (const char* schema :
       {"", "{}", "x", R"({"type":"record"})", R"("elsewhere.Type")",
        R"({"type":"record","name":"t","fields":[{"name":"next","type":["null","t"]}]})",
        R"({"type":"record","name":"t","fields":[{"name":"all","type":{"type":"array","items":
           {"type":"record","name":"u","fields":[{"name":"m","type":{"type":"map","values":"t"}}]}
        }}]})"}) {
    EXPECT_THROW(RegistrySchema::Parse(schema), Error) << schema;
  }
  EXPECT_THROW(RegistrySchema::Parse(std::string(1'000'000, '[')), Error);
  // A type that is used twice is not recursive.
  EXPECT_NO_THROW(RegistrySchema::Parse(
      R"({"type":"record","name":"t","fields":[
        {"name":"a","type":{"type":"fixed","name":"f","size":1}},{"name":"b","type":"f"}]})"));
}

}  // namespace
}  // namespace bw
