// Tuples to Avro bodies, bodies to JSON, tables to schemas. Input := one letter, and what
// LLVMFuzzerTestOneInput says.

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "avro/compiled_schema.h"
#include "avro/json_writer.h"
#include "avro/postgres_type_name.h"
#include "avro/row_encoder.h"
#include "avro/schema_builder.h"
#include "avro/type_oid.h"
#include "base/utf8.h"
#include "fuzz/fuzz_input.h"
#include "support/make_table.h"

namespace bw {
namespace {

using Json = nlohmann::json;

constexpr size_t kMessageBytesMax = 360;
constexpr size_t kColumnsMax = 6;
constexpr uint32_t kUserType = 20000;
constexpr uint32_t kJsonArray = 199;
constexpr uint32_t kByteaArray = 1001;
constexpr uint32_t kInt4Array = 1007;
constexpr uint32_t kTextArray = 1009;
constexpr uint32_t kBoxArray = 1020;
constexpr uint32_t kFloat8Array = 1022;
constexpr uint32_t kTimestamptzArray = 1185;
constexpr uint32_t kNumericArray = 1231;
constexpr uint32_t kTypes[] = {
    type_oid::kBool,      type_oid::kInt2,     type_oid::kInt4,
    type_oid::kInt8,      type_oid::kOid,      type_oid::kFloat4,
    type_oid::kFloat8,    type_oid::kNumeric,  type_oid::kText,
    type_oid::kJson,      type_oid::kUuid,     type_oid::kBytea,
    type_oid::kDate,      type_oid::kTime,     type_oid::kTimetz,
    type_oid::kTimestamp, type_oid::kBpchar,   type_oid::kTimestamptz,
    type_oid::kVarchar,   type_oid::kInterval, type_oid::kJsonb,
    type_oid::kXid,       kUserType,           kInt4Array,
    kFloat8Array,         kTextArray,          kNumericArray,
    kByteaArray,          kBoxArray,           kJsonArray,
    kTimestamptzArray,
};

Table ReadTable(fuzz::Input* input) {
  Table table{"s", "t", {}};
  const size_t count = input->U8() % (kColumnsMax + 1);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t byte = input->U8();
    Column column;
    column.name = fmt::format("c{}", i);
    column.type_oid = kTypes[(byte & 0x7F) % std::size(kTypes)];
    // For numeric, and arrays of it: whether it is a decimal.
    if ((byte & 0x7F) / std::size(kTypes) == 1) column.typmod = NumericTypmod(7, 2);
    column.type_name = PostgresTypeName(column.type_oid, column.typmod, "mood");
    column.type = ColumnTypeOf(column.type_oid, column.typmod, {}, NoUserType);
    column.key = (byte & 0x80) != 0;
    table.columns.push_back(column);
  }
  return table;
}

// --- Encoding -----------------------------------------------------------------------------------

std::vector<TextValue> ReadTuple(fuzz::Input* input, size_t count) {
  std::vector<TextValue> values;
  for (size_t i = 0; i < count; ++i) {
    switch (input->U8() % 8) {
      case 0:
        values.push_back(TextValue::Null());
        break;
      case 1:
        values.push_back(TextValue::UnchangedToast());
        break;
      default:
        values.push_back(TextValue::Text(input->Text()));
    }
  }
  return values;
}

// Plain JSON's "2026-11-21T12:30:00.5Z" as PostgreSQL prints it.
std::string PostgresDateTime(std::string text, std::string_view offset) {
  constexpr std::string_view kBeforeChrist = " BC";
  if (text.find("infinity") != std::string::npos) return text;
  const bool is_before_christ = text.ends_with(kBeforeChrist);
  if (is_before_christ) text.resize(text.size() - kBeforeChrist.size());
  if (text.ends_with('Z')) text.pop_back();
  if (const size_t t = text.find('T'); t != std::string::npos) text[t] = ' ';
  return text + std::string(offset) + std::string(is_before_christ ? kBeforeChrist : "");
}

// What the server prints for the value that plain JSON shows. The unavailable value has no such
// text.
TextValue TextOf(const Json& json, uint32_t type_oid, std::string* storage) {
  if (json.is_null()) return TextValue::Null();
  *storage = json.is_string() ? json.get<std::string>() : json.dump();
  switch (type_oid) {
    case type_oid::kBool:
      *storage = json.get<bool>() ? "t" : "f";
      break;
    case type_oid::kDate:
    case type_oid::kTimestamp:
      *storage = PostgresDateTime(*storage, "");
      break;
    case type_oid::kTimestamptz:
      *storage = PostgresDateTime(*storage, "+00");
      break;
    default:
      break;
  }
  return TextValue::Text(*storage);
}

bool HoldsDocuments(const Column& column) {
  return column.type.kind == ValueKind::kJson || column.type.element == ValueKind::kJson;
}

std::optional<std::string> JsonOf(const CompiledSchema& schema, JsonStyle style,
                                  std::string_view body) {
  std::string json = "before";
  try {
    AppendJson(schema, style, body, &json);
  } catch (const Error& error) {
    BW_CHECK(error.kind() == ErrorKind::kRow || error.kind() == ErrorKind::kHalt);
    fuzz::CheckMessage(error.what(), error.kind() == ErrorKind::kRow ? "column" : "at byte",
                       kMessageBytesMax);
    BW_CHECK(json == "before");
    return std::nullopt;
  }
  BW_CHECK(json.starts_with("before"));
  json.erase(0, 6);
  BW_CHECK(json.find('\n') == std::string::npos && IsValidUtf8(json));
  // A byte of bytes takes six; an absent field takes its name.
  BW_CHECK(json.size() <= body.size() * 32 + schema.fields().size() * 64 + 16);
  return json;
}

// The values that plain JSON shows, encoded again, give the same body; texts are shown unchanged.
void CheckPlainJson(const Table& table, const RowEncoder& encoder,
                    const std::vector<TextValue>& values, const std::string& body,
                    const std::string& json_text) {
  for (size_t i = 0; i < values.size(); ++i) {
    // PostgreSQL validates documents, so we do not; only a valid one makes the whole valid.
    const bool document = HoldsDocuments(table.columns[i]);
    if (document && values[i].kind == TextValue::Kind::kText) return;
  }
  const Json json = Json::parse(json_text);
  BW_CHECK(json.size() == values.size());
  std::vector<std::string> storage(values.size());
  std::vector<TextValue> shown;
  for (size_t i = 0; i < values.size(); ++i) {
    const uint32_t type_oid = table.columns[i].type_oid;
    const Json& member = json.at(table.columns[i].name);
    // What it shows of an array is no text of PostgreSQL's.
    if (table.columns[i].type.kind == ValueKind::kArray) {
      shown.push_back(values[i]);
      continue;
    }
    if (values[i].kind == TextValue::Kind::kUnchangedToast) {
      shown.push_back(TextValue::UnchangedToast());
      continue;
    }
    BW_CHECK(member.is_null() == (values[i].kind == TextValue::Kind::kNull));
    if (type_oid == type_oid::kText && !member.is_null()) BW_CHECK(member == values[i].text);
    shown.push_back(TextOf(member, type_oid, &storage[i]));
  }
  std::string again;
  encoder.EncodeValue(shown, {}, &again);
  BW_CHECK(again == body);
}

void CheckEncoded(const Table& table, const RowEncoder& encoder, RowForm form,
                  const std::vector<TextValue>& values, const std::string& body) {
  const CompiledSchema schema = CompiledSchema::Parse(BuildValueSchema(table, form));
  const auto plain = JsonOf(schema, JsonStyle::kPlain, body);
  const auto avro = JsonOf(schema, JsonStyle::kAvroJson, body);
  BW_CHECK(plain.has_value() == avro.has_value());
  if (!plain) {
    // Only for bytes in a text type that are no UTF-8, which the server vouches for.
    bool any_invalid = false;
    for (const TextValue& value : values) any_invalid |= !IsValidUtf8(value.text);
    BW_CHECK(any_invalid);
    return;
  }
  BW_CHECK(Json::accept(*avro));
  CheckPlainJson(table, encoder, values, body, *plain);
}

void EncodeAnything(fuzz::Input input) {
  const Table table = ReadTable(&input);
  RowEncoderOptions options;
  options.encoding = TextEncoding::Of(input.Flag() ? "SQL_ASCII" : "UTF8");
  const bool drop_one = input.U8() == 'd' && !table.columns.empty();
  std::vector<TextValue> values = ReadTuple(&input, table.columns.size() - (drop_one ? 1 : 0));
  const bool has_old = input.Flag();
  const std::vector<TextValue> old_values =
      has_old ? ReadTuple(&input, table.columns.size()) : std::vector<TextValue>();

  const RowEncoder encoder(table, options);
  std::string out = "before";
  RowEncoder::Result result;
  try {
    result = encoder.EncodeValue(values, old_values, &out);
  } catch (const Error& error) {
    BW_CHECK(error.kind() == (drop_one ? ErrorKind::kHalt : ErrorKind::kRow));
    fuzz::CheckMessage(error.what(), "table s.t", kMessageBytesMax);
    BW_CHECK(drop_one || std::string_view(error.what()).find("column \"c") != std::string::npos);
    // The value itself is never told; only values hold this character.
    BW_CHECK(std::string_view(error.what()).find('#') == std::string_view::npos);
    BW_CHECK(out == "before");
    return;
  }
  BW_CHECK(!drop_one && out.starts_with("before"));
  const std::string body = out.substr(6);
  bool any_toast = false;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].kind != TextValue::Kind::kUnchangedToast) continue;
    if (has_old && old_values[i].kind == TextValue::Kind::kText) values[i] = old_values[i];
    any_toast |= values[i].kind == TextValue::Kind::kUnchangedToast;
  }
  BW_CHECK(result.has_unavailable_value == any_toast);
  CheckEncoded(table, encoder, result.form, values, body);

  if (!encoder.has_key()) return;
  fuzz::Accepts(ErrorKind::kRow, "table s.t", kMessageBytesMax, [&] {
    std::string key;
    const RowForm form = encoder.EncodeKey(values, {}, &key);
    BW_CHECK((form == RowForm::kTextBesideInKey) == (result.form == RowForm::kTextBesideInKey));
    const CompiledSchema schema = CompiledSchema::Parse(*BuildKeySchema(table, form));
    if (const auto json = JsonOf(schema, JsonStyle::kAvroJson, key)) {
      BW_CHECK(Json::accept(*json));
    }
  });
}

// --- Bodies and names ---------------------------------------------------------------------------

void DecodeAnything(fuzz::Input input) {
  const Table table = ReadTable(&input);
  const CompiledSchema schema = CompiledSchema::Parse(BuildValueSchema(table));
  const std::string body(input.Rest());
  const auto avro = JsonOf(schema, JsonStyle::kAvroJson, body);
  if (avro) BW_CHECK(Json::accept(*avro));
  const auto plain = JsonOf(schema, JsonStyle::kPlain, body);
  bool any_document = false;
  for (const Column& column : table.columns) any_document |= HoldsDocuments(column);
  if (plain && !any_document) BW_CHECK(Json::accept(*plain));
}

// A name of PostgreSQL's may be any bytes but NUL.
std::string Name(fuzz::Input* input) {
  const std::string_view text = input->Text();
  return std::string(text.substr(0, text.find('\0')));
}

void BuildFromNames(fuzz::Input input) {
  Table table;
  table.schema = Name(&input);
  table.name = Name(&input);
  if (table.schema.empty() || table.name.empty()) return;  // No table of PostgreSQL's.
  while (!input.empty() && table.columns.size() < kColumnsMax) {
    Column column;
    column.type_oid = input.U32();
    column.typmod = static_cast<int32_t>(input.U32());
    column.key = input.Flag();
    column.type_name = PostgresTypeName(column.type_oid, column.typmod, Name(&input));
    column.type = ColumnTypeOf(column.type_oid, column.typmod, {}, NoUserType);
    column.name = Name(&input);
    if (column.name.empty()) return;
    table.columns.push_back(column);
  }
  const std::string json = BuildValueSchema(table);
  const CompiledSchema schema = CompiledSchema::Parse(json);
  BW_CHECK(IsValidUtf8(json));
  BW_CHECK(schema.fields().size() == table.columns.size());
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const std::string& name = table.columns[i].name;
    if (IsValidUtf8(name)) BW_CHECK(schema.fields()[i].postgresql_name == name);
    const AvroType read = AvroTypeOf(schema.fields()[i].type.kind);
    const AvroType meant = AvroTypeOf(table.columns[i].type.kind);
    BW_CHECK(read.primitive == meant.primitive && read.logical_type == meant.logical_type);
    for (size_t j = 0; j < i; ++j) BW_CHECK(schema.fields()[i].name != schema.fields()[j].name);
  }
  for (const RowForm form : kAllRowForms) {
    const CompiledSchema of_form = CompiledSchema::Parse(BuildValueSchema(table, form));
    BW_CHECK(of_form.column_count() == table.columns.size());
    std::set<std::string> field_names;
    for (const auto& field : of_form.fields()) BW_CHECK(field_names.insert(field.name).second);
    if (const auto key = BuildKeySchema(table, form)) CompiledSchema::Parse(*key);
  }
}

void ParseSchema(std::string_view json) {
  fuzz::Accepts(ErrorKind::kHalt, "A stored Avro schema", kMessageBytesMax,
                [&] { CompiledSchema::Parse(json); });
}

}  // namespace
}  // namespace bw

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bw::fuzz::Input input(data, size);
  switch (input.U8()) {
    case 'e':  // Columns, options, tuple, old tuple.
      bw::EncodeAnything(input);
      break;
    case 'b':  // Columns, body.
      bw::DecodeAnything(input);
      break;
    case 'n':  // Names and types of a table.
      bw::BuildFromNames(input);
      break;
    case 's':  // A schema as the spool keeps it.
      bw::ParseSchema(input.Rest());
      break;
    default:
      return -1;
  }
  return 0;
}
