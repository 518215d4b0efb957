#include <nlohmann/json.hpp>

#include "avro/body_reader.h"
#include "avro/json_text.h"
#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "debezium/connect_schema.h"

// Connect's JsonConverter: of a schema its JSON form, of a value the "payload".

namespace bw::debezium {
namespace {

using Json = nlohmann::ordered_json;
using Type = ConnectSchema::Type;

const char* ConnectName(Type type) {
  switch (type) {
    case Type::kBoolean:
      return "boolean";
    case Type::kInt16:
      return "int16";
    case Type::kInt32:
      return "int32";
    case Type::kInt64:
      return "int64";
    case Type::kFloat32:
      return "float";
    case Type::kFloat64:
      return "double";
    case Type::kString:
      return "string";
    case Type::kBytes:
      return "bytes";
    case Type::kArray:
      return "array";
    case Type::kMap:
      return "map";
    case Type::kStruct:
      return "struct";
  }
  return "";
}

void AppendBase64(std::string_view bytes, std::string* out) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      *out += k <= count ? kDigits[(group >> (18 - 6 * k)) & 0x3F] : '=';
    }
  }
}

class PayloadWriter {
 public:
  PayloadWriter(BodyReader* body, std::string* out) : body_(body), out_(out) {}

  void Value(const ConnectSchema& schema) {
    if (schema.optional && IsNull(schema)) {
      *out_ += "null";
    } else {
      Plain(schema);
    }
  }
  void Plain(const ConnectSchema& schema);

 private:
  bool IsNull(const ConnectSchema& schema) {
    return body_->ReadIsPresent() != (schema.value_branch() == kValueBranch);
  }
  // Calls `append_one` for each element of an array or a map.
  template <class AppendOne>
  void Blocks(char begin, char end, const AppendOne& append_one) {
    *out_ += begin;
    bool is_first = true;
    while (int64_t count = body_->ReadBlock()) {
      for (; count > 0; --count) {
        if (!is_first) *out_ += ',';
        is_first = false;
        append_one();
      }
    }
    *out_ += end;
  }
  void Text() {
    const std::string_view text = body_->ReadBytes();
    if (!IsValidUtf8(text)) {
      throw RowError("column \"" + Printable(field_) +
                     "\": its text is not valid UTF-8 and cannot be written as JSON");
    }
    AppendJsonString(text, out_);
  }

  BodyReader* const body_;
  std::string* const out_;
  std::string_view field_;  // The newest.
};

void PayloadWriter::Plain(const ConnectSchema& schema) {
  switch (schema.type) {
    case Type::kBoolean:
      *out_ += body_->ReadBoolean() ? "true" : "false";
      return;
    case Type::kInt16:
    case Type::kInt32:
      return AppendJsonInteger(body_->ReadInt(), out_);
    case Type::kInt64:
      return AppendJsonInteger(body_->ReadLong(), out_);
    case Type::kFloat32:
      return AppendJsonFloat(body_->ReadFloat(), out_);
    case Type::kFloat64:
      return AppendJsonFloat(body_->ReadDouble(), out_);
    case Type::kString:
      return Text();
    case Type::kBytes:
      *out_ += '"';
      AppendBase64(body_->ReadBytes(), out_);
      *out_ += '"';
      return;
    case Type::kArray:
      return Blocks('[', ']', [&] { Value(schema.items[0]); });
    case Type::kMap:
      return Blocks('{', '}', [&] {
        Text();
        *out_ += ':';
        Value(schema.items[0]);
      });
    case Type::kStruct:
      break;
  }
  *out_ += '{';
  std::string_view separator;
  for (const ConnectField& field : schema.fields) {
    *out_ += separator;
    separator = ",";
    field_ = field.name;
    AppendJsonString(field.name, out_);
    *out_ += ':';
    Value(field.schema);
  }
  *out_ += '}';
}

Json SchemaJson(const ConnectSchema& schema) {
  Json json{{"type", ConnectName(schema.type)}};
  if (schema.type == Type::kStruct) {
    Json& fields = json["fields"] = Json::array();
    for (const ConnectField& field : schema.fields) {
      fields.push_back(SchemaJson(field.schema));
      fields.back()["field"] = field.name;
    }
  } else if (schema.type == Type::kArray) {
    json["items"] = SchemaJson(schema.items.at(0));
  } else if (schema.type == Type::kMap) {
    json["keys"] = {{"type", "string"}, {"optional", false}};
    json["values"] = SchemaJson(schema.items.at(0));
  }
  json["optional"] = schema.optional;
  if (!schema.name.empty()) json["name"] = schema.name;
  if (schema.version != 0) json["version"] = schema.version;
  if (!schema.doc.empty()) json["doc"] = schema.doc;
  if (!schema.parameters.empty()) {
    Json& parameters = json["parameters"] = Json::object();
    for (const auto& [name, value] : schema.parameters) parameters[name] = value;
  }
  if (schema.default_body) {
    std::string text;
    BodyReader body(*schema.default_body);
    PayloadWriter(&body, &text).Plain(schema);
    json["default"] = Json::parse(text);
  }
  return json;
}

}  // namespace

std::string ToConnectJson(const ConnectSchema& schema) {
  return SchemaJson(schema).dump(-1, ' ', false, Json::error_handler_t::replace);
}

void AppendPayload(const ConnectSchema& schema, std::string_view body, std::string* out) {
  const size_t start = out->size();
  BodyReader reader(body);
  try {
    PayloadWriter(&reader, out).Value(schema);
    reader.ExpectEnd();
  } catch (const Error&) {
    out->resize(start);
    throw;
  }
}

}  // namespace bw::debezium
