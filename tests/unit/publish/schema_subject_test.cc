#include "publish/schema_subject.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "avro/schema_builder.h"
#include "avro/type_oid.h"
#include "support/make_table.h"

namespace bw {
namespace {

TableSchema SchemaOf(const std::string& schema, const std::string& name) {
  Table table =
      MakeTable({MakeColumn("id", type_oid::kInt4, true), MakeColumn("v", type_oid::kText)});
  table.schema = schema;
  table.name = name;
  return {schema, name, BuildKeySchema(table), BuildValueSchema(table)};
}

std::string FullName(const std::string& schema_json) {
  const auto schema = nlohmann::json::parse(schema_json);
  return schema["namespace"].get<std::string>() + "." + schema["name"].get<std::string>();
}

TEST(SchemaSubject, OfATopicTheSchemasAreTheSpools) {
  const TableSchema table = SchemaOf("public", "orders");
  const SchemaRegistration key = KeyRegistration(SubjectNaming::kTopic, "p.orders", table);
  EXPECT_EQ(key.subject, "p.orders-key");
  EXPECT_EQ(key.schema_json, table.key_json);
  const SchemaRegistration value = ValueRegistration(SubjectNaming::kTopic, "p.orders", table);
  EXPECT_EQ(value.subject, "p.orders-value");
  EXPECT_EQ(value.schema_json, table.value_json);
}

// Confluent's deserializers take the record's name from the schema, so both must agree.
TEST(SchemaSubject, OfARecordIsItsFullName) {
  const TableSchema table = SchemaOf("my-schema", "orders");
  const SchemaRegistration value = ValueRegistration(SubjectNaming::kRecord, "p.orders", table);
  EXPECT_EQ(value.subject, "bottledwater.my_2d_schema.orders");
  EXPECT_EQ(value.subject, FullName(value.schema_json));
  EXPECT_EQ(value.schema_json, table.value_json);
  const SchemaRegistration key = KeyRegistration(SubjectNaming::kRecord, "p.orders", table);
  EXPECT_EQ(key.subject, "bottledwater.my_2d_schema.orders.Key");
  EXPECT_EQ(key.subject, FullName(key.schema_json));
  // All else is as before: the bodies that the spool has are read with it.
  auto renamed = nlohmann::json::parse(key.schema_json);
  const auto original = nlohmann::json::parse(*table.key_json);
  renamed["name"] = original["name"];
  renamed["namespace"] = original["namespace"];
  EXPECT_EQ(renamed, original);
}

TEST(SchemaSubject, OfATopicAndARecordHasBoth) {
  const TableSchema table = SchemaOf("public", "orders");
  EXPECT_EQ(KeyRegistration(SubjectNaming::kTopicRecord, "t", table).subject,
            "t-bottledwater.public.orders.Key");
  EXPECT_EQ(ValueRegistration(SubjectNaming::kTopicRecord, "t", table).subject,
            "t-bottledwater.public.orders");
}

TEST(SchemaSubject, NoTableHasTheNameOfAnothersKey) {
  const TableSchema orders = SchemaOf("public", "orders");
  for (const auto& [schema, name] :
       {std::pair("public", "orders.Key"), std::pair("public.orders", "Key")}) {
    EXPECT_NE(ValueRegistration(SubjectNaming::kRecord, "t", SchemaOf(schema, name)).subject,
              KeyRegistration(SubjectNaming::kRecord, "t", orders).subject);
  }
}

}  // namespace
}  // namespace bw
