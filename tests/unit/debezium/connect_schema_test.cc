#include "debezium/connect_schema.h"

#include <avro.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "debezium/avro_names.h"
#include "debezium/column_default.h"
#include "debezium/envelope_encoder.h"
#include "unit/debezium/debezium_test_util.h"

namespace bw::debezium {
namespace {

using Json = nlohmann::json;

// One column of each built-in type that has a form, with and without a default where it has one.
EnvelopeEncoder AllTypes() {
  std::vector<Column> columns = {MakeKeyColumn("id", 23)};
  for (uint32_t oid = 16; oid < 6200; ++oid) {
    Column column = MakeColumn("c" + std::to_string(oid), oid, oid % 2 == 0);
    if (!ColumnFormOf(column)) continue;
    columns.push_back(column);
    column.name += "-d";
    column.facts.default_expression = "now()";
    columns.push_back(std::move(column));
  }
  EXPECT_GT(columns.size(), 80u);
  return MakeEncoder(std::move(columns));
}

TEST(ConnectSchema, IsAvroThatReadsBackAsItself) {
  for (const RowForm form : {RowForm::kNative, RowForm::kTextBeside}) {
    const std::string avro = AllTypes().ValueSchema(form);
    avro_schema_t schema = nullptr;
    EXPECT_EQ(avro_schema_from_json_length(avro.data(), avro.size(), &schema), 0)
        << avro_strerror();
    avro_schema_decref(schema);
    EXPECT_TRUE(IsConnectSchema(avro));
    EXPECT_EQ(ToAvroJson(ParseAvroJson(avro)), avro);
  }
}

TEST(ConnectSchema, HasConnectsPropertiesInAvro) {
  Column decimal = MakeColumn("a-b", 1700, false, (10 << 16 | 2) + 4);
  decimal.facts.default_expression = "1.5";
  const Json schema = Json::parse(MakeEncoder({decimal}).ValueSchema(RowForm::kNative));
  EXPECT_EQ(schema["name"], "Envelope");
  EXPECT_EQ(schema["namespace"], "p.public.test");
  EXPECT_EQ(schema["connect.name"], "p.public.test.Envelope");
  EXPECT_EQ(schema["connect.version"], 2);
  EXPECT_EQ(schema["fields"][1]["type"], Json({"null", "p.public.test.Value"}));
  EXPECT_EQ(schema["fields"][0]["type"][1]["fields"][0],
            Json::parse(R"({"name":"a_b","type":[{"type":"bytes","scale":2,"precision":10,
              "logicalType":"decimal","connect.version":1,"connect.parameters":{"scale":"2",
              "connect.decimal.precision":"10"},"connect.default":"\u0000\u0096",
              "connect.name":"org.apache.kafka.connect.data.Decimal"},"null"],
              "default":"\u0000\u0096","debezium.name":"a-b"})"));
}

TEST(ConnectSchema, WritesConnectsJson) {
  Column column = MakeColumn("a-b", 21, true);
  column.facts.default_expression = "'-7'::integer";
  const ConnectSchema schema = ParseAvroJson(MakeEncoder({column}).ValueSchema(RowForm::kNative));
  EXPECT_EQ(Json::parse(ToConnectJson(schema))["fields"][1], Json::parse(R"({"type":"struct",
    "fields":[{"type":"int16","optional":false,"default":-7,"field":"a-b"}],"optional":true,
    "name":"p.public.test.Value","field":"after"})"));
}

TEST(ConnectSchema, RefusesWhatIsNotOne) {
  for (const char* text : {"", "{}", "[]", R"({"type":"record"})", R"({"type":["int"]})"}) {
    EXPECT_THROW(ParseAvroJson(text), Error) << text;
  }
}

TEST(ConnectSchema, NeverReadsPastADamagedBody) {
  const EnvelopeEncoder encoder = AllTypes();
  const ConnectSchema schema = ParseAvroJson(encoder.ValueSchema(RowForm::kNative));
  std::string body;
  encoder.Encode({}, {}, {}, RowForm::kNative, &body);
  std::string out;
  AppendPayload(schema, body, &out);
  for (size_t size = 0; size < body.size(); ++size) {
    std::string json = "x";
    EXPECT_THROW(AppendPayload(schema, body.substr(0, size), &json), Error);
    EXPECT_EQ(json, "x");
  }
}

TEST(AvroNames, AreDebeziums) {
  EXPECT_EQ(TopicOf("p", "public", "a b-c.d"), "p.public.a_b-c.d");
  EXPECT_EQ(TopicOf("p", "public", "crêpes"), "p.public.cr_pes");
  EXPECT_EQ(AvroFullName("p.public.a-b.1x"), "p.public.a_b._x");
  EXPECT_EQ(AvroFieldName("1x-y"), "_1x_y");
}

TEST(DefaultBodyOf, KnowsConstantsAndFunctions) {
  const auto default_of = [](uint32_t oid, const char* expression) {
    return DefaultBodyOf(*ColumnFormOf(MakeColumn("c", oid)), expression);
  };
  EXPECT_EQ(default_of(23, "5"), "\x0a");
  EXPECT_EQ(default_of(23, "(-5)"), "\x09");
  EXPECT_EQ(default_of(23, "'-5'::integer"), "\x09");
  EXPECT_EQ(default_of(23, "nextval('s'::regclass)"), std::string(1, '\0'));
  EXPECT_EQ(default_of(23, "(1 + 1)"), std::nullopt);
  EXPECT_EQ(default_of(25, "'it''s'::text"), "\x08it's");
  EXPECT_EQ(default_of(25, "('a'::text || 'b'::text)"), std::nullopt);
  EXPECT_EQ(default_of(25, "NULL::text"), std::nullopt);
  EXPECT_EQ(default_of(16, "true"), "\x01");
  EXPECT_EQ(default_of(17, "'\\x01'::bytea"), std::nullopt);
  EXPECT_EQ(default_of(23, "'x'::text"), std::nullopt);
}

}  // namespace
}  // namespace bw::debezium
