#include "avro/json_writer.h"

#include "avro/body_reader.h"
#include "avro/calendar.h"
#include "avro/iso_date_time.h"
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

int64_t ReadTimeOfDay(BodyReader* body) {
  const int64_t micros = body->ReadLong();
  if (micros < 0 || micros > kMicrosPerDay) body->Fail("a time outside of the day");
  return micros;
}

void AppendAvroValue(const Field& field, BodyReader* body, std::string* out) {
  switch (field.kind) {
    case ValueKind::kBoolean:
      *out += body->ReadBoolean() ? "true" : "false";
      break;
    case ValueKind::kInt:
    case ValueKind::kDate:
      AppendJsonInteger(body->ReadInt(), out);
      break;
    case ValueKind::kLong:
    case ValueKind::kUnsigned:
    case ValueKind::kTime:
    case ValueKind::kTimestamp:
    case ValueKind::kTimestamptz:
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
    case ValueKind::kJson:
    case ValueKind::kUuid:
      AppendJsonString(ReadUtf8(field, body), out);
      break;
    case ValueKind::kBytes:
      AppendJsonBytes(body->ReadBytes(), out);
      break;
  }
}

void AppendDocument(std::string_view json, std::string* out) {
  if (json == kUnavailableValue) {
    AppendJsonString(json, out);
  } else {
    AppendJsonDocument(json, out);
  }
}

void AppendPlainValue(const Field& field, BodyReader* body, std::string* out) {
  switch (field.kind) {
    case ValueKind::kDate:
      *out += '"';
      AppendIsoDate(body->ReadInt(), out);
      *out += '"';
      break;
    case ValueKind::kTime:
      *out += '"';
      AppendIsoTime(ReadTimeOfDay(body), out);
      *out += '"';
      break;
    case ValueKind::kTimestamp:
    case ValueKind::kTimestamptz:
      *out += '"';
      AppendIsoTimestamp(body->ReadLong(), field.kind == ValueKind::kTimestamptz, out);
      *out += '"';
      break;
    case ValueKind::kJson:
      AppendDocument(ReadUtf8(field, body), out);
      break;
    case ValueKind::kBytes:
      AppendJsonHex(body->ReadBytes(), out);
      break;
    default:
      AppendAvroValue(field, body, out);
  }
}

void AppendAvroField(const Field& field, BodyReader* body, std::string* out) {
  AppendJsonString(field.name, out);
  if (!body->ReadIsPresent()) {
    *out += ": null";
    return;
  }
  *out += ": {\"";
  *out += AvroTypeOf(field.kind).primitive;
  *out += "\": ";
  AppendAvroValue(field, body, out);
  *out += '}';
}

void AppendPlainField(const Field& field, BodyReader* body, std::string* out) {
  AppendJsonString(field.postgresql_name, out);
  *out += ':';
  if (body->ReadIsPresent()) {
    AppendPlainValue(field, body, out);
  } else {
    *out += "null";
  }
}

void AppendRecord(const CompiledSchema& schema, JsonStyle style, BodyReader* body,
                  std::string* out) {
  const bool plain = style == JsonStyle::kPlain;
  std::string_view separator;
  *out += '{';
  for (const Field& field : schema.fields()) {
    *out += separator;
    separator = plain ? "," : ", ";
    if (plain) {
      AppendPlainField(field, body, out);
    } else {
      AppendAvroField(field, body, out);
    }
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
