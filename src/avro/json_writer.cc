#include "avro/json_writer.h"

#include "avro/body_reader.h"
#include "avro/date_time_text.h"
#include "avro/decimal_text.h"
#include "avro/json_text.h"
#include "avro/value_kind.h"
#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"

namespace bw {
namespace {

using Field = CompiledSchema::Field;

std::string_view ReadUtf8(const Field& field, BodyReader* body) {
  const std::string_view text = body->ReadBytes();
  if (!IsValidUtf8(text)) {
    throw RowError("column \"" + Printable(field.postgresql_name) +
                   "\": its text is not valid UTF-8 and cannot be written as JSON");
  }
  return text;
}

int64_t ReadTimeOfDay(ValueKind kind, BodyReader* body) {
  const bool is_millis = kind == ValueKind::kTimeMillis;
  const int64_t number = is_millis ? body->ReadInt() : body->ReadLong();
  if (number < 0 || number > (is_millis ? kMillisPerDay : kMicrosPerDay)) {
    body->Fail("a time outside of the day");
  }
  return is_millis ? number * kMicrosPerMilli : number;
}

const std::string& ReadSymbol(const Field& field, BodyReader* body) {
  const int32_t number = body->ReadInt();
  if (number < 0 || static_cast<size_t>(number) >= field.type.symbols.size()) {
    body->Fail("a symbol that the enum does not have");
  }
  return field.type.symbols[static_cast<size_t>(number)];
}

void AppendAvroValue(const Field& field, ValueKind kind, BodyReader* body, std::string* out) {
  switch (kind) {
    case ValueKind::kBoolean:
      *out += body->ReadBoolean() ? "true" : "false";
      break;
    case ValueKind::kInt:
    case ValueKind::kDate:
    case ValueKind::kTimeMillis:
      AppendJsonInteger(body->ReadInt(), out);
      break;
    case ValueKind::kLong:
    case ValueKind::kUnsigned:
    case ValueKind::kTime:
    case ValueKind::kTimestamp:
    case ValueKind::kTimestamptz:
    case ValueKind::kTimestampMillis:
    case ValueKind::kTimestamptzMillis:
    case ValueKind::kIntervalMicros:
      AppendJsonInteger(body->ReadLong(), out);
      break;
    case ValueKind::kFloat:
      AppendJsonFloat(body->ReadFloat(), out);
      break;
    case ValueKind::kDouble:
      AppendJsonFloat(body->ReadDouble(), out);
      break;
    case ValueKind::kNumeric:
    case ValueKind::kString:
    case ValueKind::kIntervalText:
    case ValueKind::kJson:
    case ValueKind::kUuid:
      AppendJsonString(ReadUtf8(field, body), out);
      break;
    case ValueKind::kEnum:
      AppendJsonString(ReadSymbol(field, body), out);
      break;
    case ValueKind::kBytes:
      AppendJsonBytes(body->ReadBytes(), out);
      break;
    case ValueKind::kDecimal:
      AppendJsonBytes(body->ReadDecimal(), out);
      break;
    case ValueKind::kArray:
      body->Fail("an array in an array");
  }
}

void AppendDocument(std::string_view json, std::string* out) {
  if (json == kUnavailableValue) {
    AppendJsonString(json, out);
  } else {
    AppendJsonDocument(json, out);
  }
}

void AppendPlainValue(const Field& field, ValueKind kind, BodyReader* body, std::string* out) {
  switch (kind) {
    case ValueKind::kDate:
      *out += '"';
      AppendIsoDate(body->ReadInt(), out);
      *out += '"';
      break;
    case ValueKind::kTime:
    case ValueKind::kTimeMillis:
      *out += '"';
      AppendIsoTime(ReadTimeOfDay(kind, body), out);
      *out += '"';
      break;
    case ValueKind::kTimestamp:
    case ValueKind::kTimestamptz:
      *out += '"';
      AppendIsoTimestamp(body->ReadLong(), kind == ValueKind::kTimestamptz, out);
      *out += '"';
      break;
    case ValueKind::kTimestampMillis:
    case ValueKind::kTimestamptzMillis:
      *out += '"';
      AppendIsoTimestampMillis(body->ReadLong(), kind == ValueKind::kTimestamptzMillis, out);
      *out += '"';
      break;
    case ValueKind::kJson:
      AppendDocument(ReadUtf8(field, body), out);
      break;
    case ValueKind::kBytes:
      AppendJsonHex(body->ReadBytes(), out);
      break;
    case ValueKind::kDecimal:
      *out += '"';
      AppendDecimalText(body->ReadDecimal(), field.type.scale, out);
      *out += '"';
      break;
    default:
      AppendAvroValue(field, kind, body, out);
  }
}

// Calls `append_element` for each element, null or not.
template <typename AppendElement>
void AppendArray(std::string_view separator, BodyReader* body, std::string* out,
                 const AppendElement& append_element) {
  *out += '[';
  std::string_view before;
  while (int64_t count = body->ReadBlock()) {
    for (; count > 0; --count) {
      *out += before;
      before = separator;
      append_element();
    }
  }
  *out += ']';
}

// A union in Avro's JSON encoding: null, or {"<branch>": <value>}. An enum's branch is its full
// name.
void AppendAvroUnion(const Field& field, ValueKind kind, BodyReader* body, std::string* out) {
  if (!body->ReadIsPresent()) {
    *out += "null";
    return;
  }
  *out += "{\"";
  *out += kind == ValueKind::kEnum ? field.enum_name : AvroTypeOf(kind).primitive;
  *out += "\": ";
  if (kind == ValueKind::kArray) {
    AppendArray(", ", body, out, [&] { AppendAvroUnion(field, field.type.element, body, out); });
  } else {
    AppendAvroValue(field, kind, body, out);
  }
  *out += '}';
}

void AppendPlainUnion(const Field& field, ValueKind kind, BodyReader* body, std::string* out) {
  if (!body->ReadIsPresent()) {
    *out += "null";
  } else if (kind == ValueKind::kArray) {
    AppendArray(",", body, out, [&] { AppendPlainUnion(field, field.type.element, body, out); });
  } else {
    AppendPlainValue(field, kind, body, out);
  }
}

void AppendAvroRecord(const CompiledSchema& schema, BodyReader* body, std::string* out) {
  std::string_view separator;
  for (const Field& field : schema.fields()) {
    *out += separator;
    separator = ", ";
    AppendJsonString(field.name, out);
    *out += ": ";
    AppendAvroUnion(field, field.type.kind, body, out);
  }
}

// One member a column, which is its own field or the text beside it.
void AppendPlainRecord(const CompiledSchema& schema, BodyReader* body, std::string* out) {
  std::string_view separator;
  size_t value_start = 0;
  for (const Field& field : schema.fields()) {
    if (field.is_text_beside) {
      if (!body->ReadIsPresent()) continue;
      if (std::string_view(*out).substr(value_start) != "null") body->Fail("a text beside a value");
      out->resize(value_start);
      AppendPlainValue(field, ValueKind::kString, body, out);
      continue;
    }
    *out += separator;
    separator = ",";
    AppendJsonString(field.postgresql_name, out);
    *out += ':';
    value_start = out->size();
    AppendPlainUnion(field, field.type.kind, body, out);
  }
}

void AppendRecord(const CompiledSchema& schema, JsonStyle style, BodyReader* body,
                  std::string* out) {
  *out += '{';
  if (style == JsonStyle::kPlain) {
    AppendPlainRecord(schema, body, out);
  } else {
    AppendAvroRecord(schema, body, out);
  }
  *out += '}';
  body->ExpectEnd();
}

}  // namespace

void AppendJson(const CompiledSchema& schema, JsonStyle style, std::string_view body,
                std::string* out) {
  const size_t start = out->size();
  BodyReader reader(body);
  try {
    AppendRecord(schema, style, &reader, out);
  } catch (const Error&) {
    out->resize(start);
    throw;
  }
}

}  // namespace bw
