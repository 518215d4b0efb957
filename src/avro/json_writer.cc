#include "avro/json_writer.h"

#include <bit>

#include "avro/binary_format.h"
#include "avro/date_time_text.h"
#include "avro/json_text.h"
#include "avro/value_kind.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/log.h"
#include "base/utf8.h"

namespace bw {
namespace {

// --- Avro bodies -------------------------------------------------------------------------------

// Reads an Avro body from left to right (format: avro/binary_format.h). Every read checks the
// bounds, and throws a halt Error with the place for malformed bytes: a body comes from the spool,
// which is damaged then. The bytes must outlive the reader and the views it returns.
class BodyReader {
 public:
  explicit BodyReader(std::string_view body)
      : start_(body.data()), p_(body.data()), end_(body.data() + body.size()) {}

  // Reads a field's union branch: whether it has a value.
  bool ReadIsPresent() {
    const char branch = *Take(1);
    if (branch != kNullBranch && branch != kValueBranch) Fail("unknown union branch");
    return branch == kValueBranch;
  }

  bool ReadBoolean() {
    const char byte = *Take(1);
    if (byte != 0 && byte != 1) Fail("a boolean that is neither 0 nor 1");
    return byte == 1;
  }

  int64_t ReadLong() {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      const auto byte = static_cast<unsigned char>(*Take(1));
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return UnZigZag(value);
    }
    Fail("a number of more than 64 bits");
  }

  int32_t ReadInt() {
    const int64_t value = ReadLong();
    if (value < INT32_MIN || value > INT32_MAX) Fail("an int of more than 32 bits");
    return static_cast<int32_t>(value);
  }

  float ReadFloat() { return std::bit_cast<float>(ReadLittleEndian<uint32_t>(Take(4))); }
  double ReadDouble() { return std::bit_cast<double>(ReadLittleEndian<uint64_t>(Take(8))); }

  // A string or bytes.
  std::string_view ReadBytes() {
    const int64_t length = ReadLong();
    if (length < 0) Fail("a negative length");
    const char* const bytes = Take(static_cast<uint64_t>(length));
    return {bytes, static_cast<size_t>(length)};
  }

  void ExpectEnd() const {
    if (p_ != end_) Fail("bytes after the last field");
  }

  [[noreturn]] void Fail(const char* problem) const {
    throw UnexpectedHalt("malformed Avro body at byte " + std::to_string(p_ - start_) + ": " +
                         problem);
  }

 private:
  const char* Take(uint64_t count) {
    if (count > static_cast<uint64_t>(end_ - p_)) Fail("it ends too early");
    const char* const taken = p_;
    p_ += count;
    return taken;
  }

  const char* const start_;
  const char* p_;
  const char* const end_;
};

// --- Values and fields -------------------------------------------------------------------------

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
