#include "publish/message_encoder.h"

#include <gtest/gtest.h>

#include "avro/schema_builder.h"
#include "base/error.h"
#include "support/make_table.h"

namespace bw {
namespace {

using namespace std::string_literals;

Change MakeChange(Operation operation) {
  Change change;
  change.position = {*Lsn::Parse("2/44DAB970"), 17};
  change.operation = operation;
  change.commit_time_us = 1700000000123456;
  change.key = "K";
  change.value = "VALUE";
  return change;
}

TableEncoding AvroTable() {
  TableEncoding table;
  table.ids = {0x01020304, 5};
  return table;
}

TEST(MessageEncoder, PutsMagicByteAndBigEndianIdBeforeTheBody) {
  MessageEncoder encoder(OutputFormat::kAvro);
  const auto messages = encoder.Encode(MakeChange(Operation::kInsert), AvroTable());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].key, "\x00\x01\x02\x03\x04K"s);
  EXPECT_EQ(messages[0].value, "\x00\x00\x00\x00\x05VALUE"s);
}

TEST(MessageEncoder, SaysPositionOperationAndTimeInTheHeaders) {
  MessageEncoder encoder(OutputFormat::kAvro);
  for (const Operation operation : {Operation::kSnapshot, Operation::kInsert, Operation::kUpdate}) {
    const auto messages = encoder.Encode(MakeChange(operation), AvroTable());
    ASSERT_EQ(messages.size(), 1u);
    const auto& headers = messages[0].headers;
    EXPECT_EQ(headers[0].name, "lsn");
    EXPECT_EQ(headers[0].value, "2/44DAB970:17");
    EXPECT_EQ(headers[1].name, "op");
    EXPECT_EQ(headers[1].value, std::string(1, static_cast<char>(operation)));
    EXPECT_EQ(headers[2].name, "ts");
    EXPECT_EQ(headers[2].value, "1700000000123");
  }
}

TEST(MessageEncoder, NamesTheFieldsWithAMarkerInAHeaderOfThisMessageOnly) {
  MessageEncoder encoder(OutputFormat::kAvro);
  Change change = MakeChange(Operation::kUpdate);
  change.old_key = "K";
  change.unavailable = "doc,tags";
  change.refetched = "raw";
  const auto messages = encoder.Encode(change, AvroTable());
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].headers.size(), 3u);
  ASSERT_EQ(messages[1].headers.size(), 5u);
  EXPECT_EQ(messages[1].headers[3].name, "unavailable");
  EXPECT_EQ(messages[1].headers[3].value, "doc,tags");
  EXPECT_EQ(messages[1].headers[4].name, "refetched");
  EXPECT_EQ(messages[1].headers[4].value, "raw");
  change.unavailable.reset();
  change.refetched.reset();
  EXPECT_EQ(encoder.Encode(change, AvroTable())[1].headers.size(), 3u);
}

TEST(MessageEncoder, ADeleteIsAKeyWithoutAValue) {
  MessageEncoder encoder(OutputFormat::kAvro);
  Change change = MakeChange(Operation::kDelete);
  change.value.reset();
  const auto messages = encoder.Encode(change, AvroTable());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].key, "\x00\x01\x02\x03\x04K"s);
  EXPECT_EQ(messages[0].value, std::nullopt);
  EXPECT_EQ(messages[0].headers[1].value, "d");
}

TEST(MessageEncoder, AKeyChangeIsATombstoneAndThenTheRow) {
  MessageEncoder encoder(OutputFormat::kAvro);
  Change change = MakeChange(Operation::kUpdate);
  change.old_key = "OLD";
  const auto messages = encoder.Encode(change, AvroTable());
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].key, "\x00\x01\x02\x03\x04OLD"s);
  EXPECT_EQ(messages[0].value, std::nullopt);
  EXPECT_EQ(messages[0].headers[0].value, "2/44DAB970:17");
  EXPECT_EQ(messages[0].headers[1].value, "d");
  EXPECT_EQ(messages[1].key, "\x00\x01\x02\x03\x04K"s);
  EXPECT_EQ(messages[1].value, "\x00\x00\x00\x00\x05VALUE"s);
  EXPECT_EQ(messages[1].headers[1].value, "u");
}

TEST(MessageEncoder, AnOldKeyHasTheIdOfItsOwnSchema) {
  MessageEncoder encoder(OutputFormat::kAvro);
  Change change = MakeChange(Operation::kUpdate);
  change.old_key = "OLD";
  change.old_key_schema_id = SchemaId{9};
  TableEncoding of_old_key = AvroTable();
  of_old_key.ids = {0x0A, 0x0B};
  const auto messages = encoder.Encode(change, AvroTable(), of_old_key);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].key, "\x00\x00\x00\x00\x0AOLD"s);
  EXPECT_EQ(messages[1].key, "\x00\x01\x02\x03\x04K"s);
}

TEST(MessageEncoder, ARowWithoutKeyHasANullKeyAndItsDeleteIsNothing) {
  MessageEncoder encoder(OutputFormat::kAvro);
  Change change = MakeChange(Operation::kInsert);
  change.key.reset();
  TableEncoding table = AvroTable();
  table.ids.key = 0;
  ASSERT_EQ(encoder.Encode(change, table).size(), 1u);
  EXPECT_EQ(encoder.Encode(change, table)[0].key, std::nullopt);
  change.operation = Operation::kDelete;
  change.value.reset();
  EXPECT_TRUE(encoder.Encode(change, table).empty());
}

// Of a torn transaction, messages are told apart by position, op and time.
TEST(MessageEncoder, EnvelopesHaveATombstoneAfterEachDeleteAndAnOpOfTheirOwn) {
  MessageEncoder encoder(OutputFormat::kAvro);
  TableEncoding table = AvroTable();
  table.is_debezium = true;
  const auto shown = [&](const Change& change) {
    std::string text;
    for (const EncodedMessage& message : encoder.Encode(change, table)) {
      text += message.operation;
      text += message.key ? message.key->back() : '-';
      text += message.value ? message.value->back() : '-';
      text += ' ';
    }
    return text;
  };
  std::string pair;
  debezium::AppendPair("D", "C", &pair);
  Change change = MakeChange(Operation::kUpdate);
  change.key = "N";
  change.old_key = "O";
  change.value = pair;
  EXPECT_EQ(shown(change), "dOD nO- cNC ");
  change.old_key.reset();
  change.value = "U";
  EXPECT_EQ(shown(change), "uNU ");
  change.operation = Operation::kDelete;
  EXPECT_EQ(shown(change), "dNU nN- ");
  change.key.reset();
  EXPECT_EQ(shown(change), "d-U n-- ");
}

TEST(MessageEncoder, CountsKeyValueAndHeaders) {
  MessageEncoder encoder(OutputFormat::kAvro);
  const auto messages = encoder.Encode(MakeChange(Operation::kInsert), AvroTable());
  EXPECT_EQ(messages[0].bytes(), 6u + 10u + (3 + 13) + (2 + 1) + (2 + 13));
}

TEST(MessageEncoder, WritesBothJsonForms) {
  // Two fields, each a union of null and a type: {"id": int, "value": string}.
  const Table table{"public", "test", {MakeColumn("id", 23, true), MakeColumn("value", 25, false)}};
  TableSchema schema{"public", "test", BuildKeySchema(table), BuildValueSchema(table)};
  Change change = MakeChange(Operation::kInsert);
  const std::string key = "\x02\x02"s;                  // Branch 1, zigzag 1.
  const std::string value = "\x02\x02\x02\x0Chello!"s;  // ..., branch 1, 6 bytes.
  change.key = key;
  change.value = value;

  MessageEncoder json(OutputFormat::kJson);
  const auto encoding = MessageEncoder::EncodingFor(OutputFormat::kJson, schema, {});
  EXPECT_EQ(json.Encode(change, encoding)[0].key, R"({"id": {"int": 1}})");
  EXPECT_EQ(json.Encode(change, encoding)[0].value,
            R"({"id": {"int": 1}, "value": {"string": "hello!"}})");
  MessageEncoder plain(OutputFormat::kPlainJson);
  EXPECT_EQ(plain.Encode(change, encoding)[0].key, R"({"id":1})");
  EXPECT_EQ(plain.Encode(change, encoding)[0].value, R"({"id":1,"value":"hello!"})");
}

}  // namespace
}  // namespace bw
