#include "debezium/connect_schema.h"

#include <array>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "avro/body_reader.h"
#include "avro/type_encoder.h"
#include "base/halt.h"
#include "debezium/avro_names.h"

namespace bw::debezium {
namespace {

using Json = nlohmann::ordered_json;
using Type = ConnectSchema::Type;

constexpr const char* kInt16Mark = "int16";  // AvroData's "connect.type": Avro has no short.

[[noreturn]] void Fail(const std::string& problem) {
  throw UnexpectedHalt("a stored Avro schema is not one of our envelopes: " + problem);
}

const char* AvroPrimitive(Type type) {
  switch (type) {
    case Type::kBoolean:
      return "boolean";
    case Type::kInt16:
    case Type::kInt32:
      return "int";
    case Type::kInt64:
      return "long";
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
      return "record";
  }
  return "";
}

// Each byte as a character U+0000 to U+00FF, as Avro writes bytes as defaults.
std::string Latin1(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xC0 | (byte >> 6));
      text += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return text;
}

std::string BytesOfLatin1(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      bytes += text[i];
    } else {
      if (byte > 0xC3 || ++i == text.size()) Fail("a default that is no bytes");
      bytes += static_cast<char>(((byte & 3) << 6) | (static_cast<unsigned char>(text[i]) & 0x3F));
    }
  }
  return bytes;
}

Json DefaultJson(const ConnectSchema& schema) {
  BodyReader body(*schema.default_body);
  switch (schema.type) {
    case Type::kBoolean:
      return body.ReadBoolean();
    case Type::kInt16:
    case Type::kInt32:
    case Type::kInt64:
      return body.ReadLong();
    case Type::kFloat32:
      return body.ReadFloat();
    case Type::kFloat64:
      return body.ReadDouble();
    case Type::kString:
      return body.ReadBytes();
    case Type::kBytes:
      return Latin1(body.ReadBytes());
    default:
      Fail("a default of a structure");
  }
}

std::string BodyOfNumber(int64_t number) {
  std::array<char, kVarintBytesMax> bytes;
  return {bytes.data(), static_cast<size_t>(WriteLong(number, bytes.data()) - bytes.data())};
}

std::string BodyOfText(std::string_view text) {
  return BodyOfNumber(static_cast<int64_t>(text.size())).append(text);
}

template <class Float, class Bits>
std::string BodyOfFloat(Float value) {
  std::array<char, sizeof(Bits)> bytes;
  WriteLittleEndian(std::bit_cast<Bits>(value), bytes.data());
  return {bytes.data(), bytes.size()};
}

std::string DefaultBody(Type type, const Json& value) {
  switch (type) {
    case Type::kBoolean:
      return {value.get<bool>() ? '\1' : '\0'};
    case Type::kInt16:
    case Type::kInt32:
    case Type::kInt64:
      return BodyOfNumber(value.get<int64_t>());
    case Type::kFloat32:
      return BodyOfFloat<float, uint32_t>(value.get<float>());
    case Type::kFloat64:
      return BodyOfFloat<double, uint64_t>(value.get<double>());
    case Type::kString:
      return BodyOfText(value.get_ref<const std::string&>());
    case Type::kBytes:
      return BodyOfText(BytesOfLatin1(value.get_ref<const std::string&>()));
    default:
      Fail("a default of a structure");
  }
}

// --- ConnectSchema -> Avro ---------------------------------------------------------------------

class AvroWriter {
 public:
  // A type that is optional is a union.
  Json Union(const ConnectSchema& schema) {
    Json type = Plain(schema);
    if (!schema.optional) return type;
    if (schema.default_body) return Json::array({std::move(type), "null"});
    return Json::array({"null", std::move(type)});
  }

 private:
  Json Plain(const ConnectSchema& schema) {
    Json json{{"type", AvroPrimitive(schema.type)}};
    if (schema.type == Type::kStruct) {
      const std::string full = AvroFullName(schema.name);
      // Avro wants each name to be defined once.
      if (!defined_.emplace(full, true).second) return full;
      const size_t dot = full.rfind('.');
      json["name"] = full.substr(dot == full.npos ? 0 : dot + 1);
      if (dot != full.npos) json["namespace"] = full.substr(0, dot);
      json["fields"] = Fields(schema);
    } else if (schema.type == Type::kArray) {
      json["items"] = Union(schema.items.at(0));
    } else if (schema.type == Type::kMap) {
      json["values"] = Union(schema.items.at(0));
    }
    if (schema.type == Type::kInt16) json["connect.type"] = kInt16Mark;
    AddProperties(schema, &json);
    const bool is_simple = json.size() == 1;
    return is_simple ? json["type"] : json;
  }

  Json Fields(const ConnectSchema& schema) {
    Json fields = Json::array();
    std::map<std::string, bool> names;
    for (const ConnectField& field : schema.fields) {
      std::string name = AvroFieldName(field.name);
      for (int i = 2; !names.emplace(name, true).second; ++i) {
        name = AvroFieldName(field.name) + "_" + std::to_string(i);
      }
      Json json{{"name", name}, {"type", Union(field.schema)}};
      if (field.schema.default_body) {
        json["default"] = DefaultJson(field.schema);
      } else if (field.schema.optional) {
        json["default"] = nullptr;
      }
      if (name != field.name) json["debezium.name"] = field.name;
      fields.push_back(std::move(json));
    }
    return fields;
  }

  static void AddProperties(const ConnectSchema& schema, Json* json) {
    if (schema.name == "org.apache.kafka.connect.data.Decimal") AddDecimal(schema, json);
    if (!schema.doc.empty()) (*json)["connect.doc"] = schema.doc;
    if (schema.version != 0) (*json)["connect.version"] = schema.version;
    if (!schema.parameters.empty()) {
      Json parameters = Json::object();
      for (const auto& [name, value] : schema.parameters) parameters[name] = value;
      (*json)["connect.parameters"] = std::move(parameters);
    }
    if (schema.default_body) (*json)["connect.default"] = DefaultJson(schema);
    if (!schema.name.empty()) (*json)["connect.name"] = schema.name;
  }

  static void AddDecimal(const ConnectSchema& schema, Json* json) {
    int precision = 64;  // AvroData's, where nothing says it.
    for (const auto& [name, value] : schema.parameters) {
      if (name == "scale") (*json)["scale"] = std::atoi(value.c_str());
      if (name == "connect.decimal.precision") precision = std::atoi(value.c_str());
    }
    (*json)["precision"] = precision;
    (*json)["logicalType"] = "decimal";
  }

  std::map<std::string, bool> defined_;
};

// --- Avro -> ConnectSchema ---------------------------------------------------------------------

class AvroParser {
 public:
  ConnectSchema Union(const Json& json) {
    if (!json.is_array()) return Plain(json);
    if (json.size() != 2) Fail("a union of other than two");
    const bool null_first = json[0] == "null";
    ConnectSchema schema = Plain(json[null_first ? 1 : 0]);
    if (null_first == schema.default_body.has_value()) Fail("a default that is not the first");
    schema.optional = true;
    return schema;
  }

 private:
  ConnectSchema Plain(const Json& json) {
    if (json.is_string()) {
      const auto known = defined_.find(json.get<std::string>());
      if (known != defined_.end()) return known->second;
      ConnectSchema schema;
      schema.type = TypeOf(json.get<std::string>(), false);
      return schema;
    }
    ConnectSchema schema;
    schema.type = TypeOf(json.at("type").get<std::string>(), json.contains("connect.type"));
    ReadProperties(json, &schema);
    if (schema.type == Type::kArray) schema.items.push_back(Union(json.at("items")));
    if (schema.type == Type::kMap) schema.items.push_back(Union(json.at("values")));
    if (schema.type != Type::kStruct) return schema;
    for (const Json& field : json.at("fields")) {
      const char* name = field.contains("debezium.name") ? "debezium.name" : "name";
      schema.fields.push_back({field.at(name).get<std::string>(), Union(field.at("type"))});
    }
    defined_.emplace(AvroFullName(schema.name), schema);
    return schema;
  }

  static Type TypeOf(const std::string& avro, bool is_short) {
    if (is_short) return Type::kInt16;
    for (const Type type :
         {Type::kBoolean, Type::kInt32, Type::kInt64, Type::kFloat32, Type::kFloat64, Type::kString,
          Type::kBytes, Type::kArray, Type::kMap, Type::kStruct}) {
      if (avro == AvroPrimitive(type)) return type;
    }
    Fail("unknown type");
  }

  static void ReadProperties(const Json& json, ConnectSchema* schema) {
    if (json.contains("connect.name")) schema->name = json.at("connect.name").get<std::string>();
    if (json.contains("connect.version")) schema->version = json.at("connect.version").get<int>();
    if (json.contains("connect.doc")) schema->doc = json.at("connect.doc").get<std::string>();
    if (json.contains("connect.parameters")) {
      for (const auto& [name, value] : json.at("connect.parameters").items()) {
        schema->parameters.emplace_back(name, value.get<std::string>());
      }
    }
    if (json.contains("connect.default")) {
      schema->default_body = DefaultBody(schema->type, json.at("connect.default"));
    }
  }

  std::map<std::string, ConnectSchema> defined_;
};

}  // namespace

std::string ToAvroJson(const ConnectSchema& schema) {
  return AvroWriter().Union(schema).dump(-1, ' ', false, Json::error_handler_t::replace);
}

ConnectSchema ParseAvroJson(std::string_view json) {
  try {
    return AvroParser().Union(Json::parse(json));
  } catch (const Json::exception& error) {
    Fail(error.what());
  }
}

// Schemas of rows have no such property, and a column's name or type in one is escaped.
bool IsConnectSchema(std::string_view json) {
  return json.find("\"connect.name\":\"") != json.npos;
}

}  // namespace bw::debezium
