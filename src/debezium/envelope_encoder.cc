#include "debezium/envelope_encoder.h"

#include <fmt/format.h>

#include <algorithm>

#include "avro/binary_format.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/log.h"
#include "base/utf8.h"
#include "debezium/avro_names.h"
#include "debezium/column_default.h"
#include "debezium/envelope_schema.h"
#include "debezium/value_encoder.h"

namespace bw::debezium {
namespace {

constexpr int64_t kMicrosPerMilli = 1000;
constexpr int64_t kNanosPerMicro = 1000;

const TextValue& Resolve(const Row& row, size_t i) {
  const bool replace = row.values[i].kind == TextValue::Kind::kUnchangedToast &&
                       !row.old_values.empty() && row.old_values[i].kind == TextValue::Kind::kText;
  return replace ? row.old_values[i] : row.values[i];
}

void AppendOptional(std::string_view text, std::string* out) {
  *out += kValueBranch;
  AppendText(text, out);
}

void AppendOptional(int64_t number, std::string* out) {
  *out += kValueBranch;
  AppendNumber(number, out);
}

}  // namespace

EnvelopeEncoder::EnvelopeEncoder(const Table& table, EnvelopeSettings settings)
    : settings_(std::move(settings)),
      schema_(table.schema),
      table_(table.name),
      column_count_(table.columns.size()) {
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    std::optional<ColumnForm> form = ColumnFormOf(column);
    if (!form) continue;
    Field field;
    field.column = i;
    field.name = column.name;
    field.type_name = column.type_name;
    field.is_key = column.key;
    field.not_null = column.facts.not_null;
    if (column.facts.default_expression) {
      field.default_body = DefaultBodyOf(*form, *column.facts.default_expression);
    }
    field.form = std::move(*form);
    if (column.key) key_.push_back(fields_.size());
    fields_.push_back(std::move(field));
  }
  std::ranges::stable_sort(
      key_, {}, [&](size_t field) { return table.columns[fields_[field].column].facts.key_place; });
}

ConnectSchema EnvelopeEncoder::SchemaOf(const Field& field, RowForm form) const {
  ConnectSchema schema = field.form.schema;
  schema.default_body = field.default_body;
  schema.optional = field.optional_in(form);
  return schema;
}

ConnectSchema EnvelopeEncoder::RowSchema(RowForm form) const {
  ConnectSchema row;
  row.type = ConnectSchema::Type::kStruct;
  for (const Field& field : fields_) row.fields.push_back({field.name, SchemaOf(field, form)});
  return row;
}

std::optional<std::string> EnvelopeEncoder::KeySchema() const {
  if (key_.empty()) return std::nullopt;
  ConnectSchema key;
  key.type = ConnectSchema::Type::kStruct;
  key.name = TopicOf(settings_.prefix, schema_, table_) + ".Key";
  for (const size_t i : key_) {
    key.fields.push_back({fields_[i].name, SchemaOf(fields_[i], RowForm::kNative)});
  }
  return ToAvroJson(key);
}

std::string EnvelopeEncoder::ValueSchema(RowForm form) const {
  return ToAvroJson(EnvelopeSchema(TopicOf(settings_.prefix, schema_, table_), RowSchema(form)));
}

void EnvelopeEncoder::EncodeKey(const Row& row, std::string* out) const {
  RequireColumnCount(row.values.size());
  const size_t start = out->size();
  try {
    for (const size_t i : key_) {
      const TextValue& value = Resolve(row, fields_[i].column);
      if (value.kind == TextValue::Kind::kNull) Refuse(fields_[i], ValueStatus::kNullInKey);
      if (value.kind != TextValue::Kind::kText) Refuse(fields_[i], ValueStatus::kUnavailable);
      AppendTextValue(fields_[i], value.text, out);
    }
  } catch (const Error&) {
    out->resize(start);
    throw;
  }
}

EnvelopeEncoder::Result EnvelopeEncoder::Encode(const Event& event, const Row& before,
                                                const Row& after, RowForm from,
                                                std::string* out) const {
  const size_t start = out->size();
  Result result;
  result.form = from;
  try {
    if (!AppendRow(before, result.form, &result, out) ||
        !AppendRow(after, result.form, &result, out)) {
      BW_CHECK(from == RowForm::kNative);
      out->resize(start);
      return Encode(event, before, after, RowForm::kTextBeside, out);
    }
  } catch (const Error&) {
    out->resize(start);
    throw;
  }
  AppendSource(event, out);
  *out += kNullBranch;  // transaction
  AppendText(std::string_view(&event.operation, 1), out);
  AppendOptional(event.now_us / kMicrosPerMilli, out);
  AppendOptional(event.now_us, out);
  AppendOptional(event.now_us * kNanosPerMicro, out);
  return result;
}

bool EnvelopeEncoder::AppendRow(const Row& row, RowForm form, Result* result,
                                std::string* out) const {
  if (row.values.empty() && column_count_ != 0) {
    *out += kNullBranch;
    return true;
  }
  RequireColumnCount(row.values.size());
  if (!row.old_values.empty()) RequireColumnCount(row.old_values.size());
  *out += kValueBranch;
  return std::ranges::all_of(
      fields_, [&](const Field& field) { return AppendField(field, row, form, result, out); });
}

bool EnvelopeEncoder::AppendField(const Field& field, const Row& row, RowForm form, Result* result,
                                  std::string* out) const {
  const TextValue& value = Resolve(row, field.column);
  const bool is_optional = field.optional_in(form);
  const char null_branch = field.default_body ? kValueBranch : kNullBranch;
  if (value.kind == TextValue::Kind::kNull) {
    if (is_optional) {
      *out += null_branch;
    } else if (row.is_whole) {
      if (field.is_key) Refuse(field, ValueStatus::kNullInKey);
      return false;
    } else if (field.default_body) {
      *out += *field.default_body;
    } else {
      AppendZero(field.form, out);
    }
    return true;
  }
  if (is_optional) *out += field.default_body ? kNullBranch : kValueBranch;
  if (value.kind == TextValue::Kind::kText) {
    AppendTextValue(field, value.text, out);
    return true;
  }
  result->has_unavailable_value = true;
  const ValueStatus status = AppendUnavailable(field.form, out);
  if (status != ValueStatus::kOk) Refuse(field, status);
  return true;
}

// Bytes that are not UTF-8 are in a database with another encoding, or "char" values.
void EnvelopeEncoder::AppendTextValue(const Field& field, std::string_view text,
                                      std::string* out) const {
  std::optional<std::string> converted;
  if (!IsAscii(text)) {
    const bool is_utf8 =
        settings_.encoding.kind() != TextEncoding::Kind::kOneByte && IsValidUtf8(text);
    if (!is_utf8) {
      converted = TextToUtf8(text, settings_.encoding, settings_.invalid_text);
      if (!converted) Refuse(field, ValueStatus::kInvalidUtf8);
      text = *converted;
    }
  }
  const ValueStatus status = AppendValue(field.form, text, out);
  if (status != ValueStatus::kOk) Refuse(field, status);
}

void EnvelopeEncoder::AppendSource(const Event& event, std::string* out) const {
  AppendText(BOTTLEDWATER_VERSION, out);
  AppendText("postgresql", out);
  AppendText(settings_.prefix, out);
  AppendNumber(event.source_us / kMicrosPerMilli, out);
  *out += kNullBranch;  // The first of the union: "snapshot" has a default.
  AppendText(event.is_snapshot ? "true" : kNoSnapshot, out);
  AppendText(settings_.database, out);
  AppendOptional(event.previous_end.valid()
                     ? fmt::format(R"(["{}","{}"])", event.previous_end.value, event.lsn.value)
                     : fmt::format(R"([null,"{}"])", event.lsn.value),
                 out);
  AppendOptional(event.source_us, out);
  AppendOptional(event.source_us * kNanosPerMicro, out);
  AppendText(schema_, out);
  AppendText(table_, out);
  if (event.xid == 0) {
    *out += kNullBranch;
  } else {
    AppendOptional(int64_t{event.xid}, out);
  }
  AppendOptional(static_cast<int64_t>(event.lsn.value), out);
  out->append(3, kNullBranch);  // xmin, origin, origin_lsn
}

void EnvelopeEncoder::RequireColumnCount(size_t count) const {
  if (count == column_count_) return;
  throw UnexpectedHalt("a tuple of table " + Printable(schema_ + "." + table_) + " has " +
                       std::to_string(count) + " columns, its relation has " +
                       std::to_string(column_count_));
}

void EnvelopeEncoder::Refuse(const Field& field, ValueStatus status) const {
  const char* problem = "its text is not valid for this type";
  switch (status) {
    case ValueStatus::kOk:
    case ValueStatus::kMalformed:
      break;
    case ValueStatus::kTextBeside:
    case ValueStatus::kOutOfRange:
      problem =
          "Debezium's type cannot hold its value (docs/debezium.md, \"Values that are refused\"); "
          "change it, or leave such rows out with --on-error=log";
      break;
    case ValueStatus::kInvalidUtf8:
      problem =
          "its text is neither valid UTF-8 nor valid in the database's encoding; "
          "--invalid-text=replace would publish it";
      break;
    case ValueStatus::kNullInKey:
      problem = "a key with a null column identifies no row";
      break;
    case ValueStatus::kUnavailable:
      problem =
          "its unchanged TOASTed value is neither in the WAL nor in an old tuple, and Debezium has "
          "no placeholder for the type; REPLICA IDENTITY FULL would log it";
      break;
  }
  throw RowError("table " + Printable(schema_ + "." + table_) + ", column \"" +
                 Printable(field.name) + "\" (" + Printable(field.type_name) + "): " + problem);
}

}  // namespace bw::debezium
