#include "avro/row_encoder.h"

#include <deque>
#include <optional>
#include <utility>

#include "avro/binary_format.h"
#include "avro/type_encoder.h"
#include "avro/type_oid.h"
#include "base/halt.h"
#include "base/log.h"
#include "base/utf8.h"

namespace bw {
namespace {

bool IsString(ValueKind kind) {
  return kind == ValueKind::kString || kind == ValueKind::kJson || kind == ValueKind::kNumeric;
}

// Whether a database with an encoding guarantees that the type's texts are valid in it. "char"
// holds any single byte, and arrays, composites and ranges may contain "char" values.
bool IsCheckedByServer(uint32_t type_oid) {
  switch (type_oid) {
    case type_oid::kText:
    case type_oid::kVarchar:
    case type_oid::kBpchar:
    case type_oid::kName:
    case type_oid::kJson:
    case type_oid::kJsonb:
      return true;
    default:
      return false;
  }
}

// What to encode for column `i`: an unchanged TOASTed value is looked up in the old tuple. A null
// there does not count: pgoutput sends an old key with nulls for all other columns.
const TextValue& Resolve(std::span<const TextValue> values, std::span<const TextValue> old_values,
                         size_t i) {
  const bool replace = values[i].kind == TextValue::Kind::kUnchangedToast && !old_values.empty() &&
                       old_values[i].kind == TextValue::Kind::kText;
  return replace ? old_values[i] : values[i];
}

size_t TextSize(const TextValue& value) {
  return value.kind == TextValue::Kind::kUnchangedToast ? kUnavailableValue.size()
                                                        : value.text.size();
}

}  // namespace

// Texts that were converted to UTF-8, and the tuple that refers to them.
struct RowEncoder::Converted {
  std::deque<std::string> texts;
  std::vector<TextValue> values;
};

RowEncoder::TextRule RowEncoder::TextRuleFor(ValueKind kind, uint32_t type_oid,
                                             const RowEncoderOptions& options) {
  using Kind = TextEncoding::Kind;
  if (kind != ValueKind::kString && kind != ValueKind::kJson) return TextRule::kAsItIs;
  if (options.text_as_bytes()) return TextRule::kAsItIs;
  if (options.encoding.kind() == Kind::kOneByte) return TextRule::kConvert;
  if (options.encoding.kind() != Kind::kUnknown && IsCheckedByServer(type_oid)) {
    return TextRule::kAsItIs;
  }
  return options.invalid_text == InvalidText::kReplace ? TextRule::kConvert : TextRule::kCheck;
}

RowEncoder::RowEncoder(const Table& table, RowEncoderOptions options)
    : options_(options), table_name_(table.schema + "." + table.name) {
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    const ValueKind kind = KindOfType(column.type_oid);
    const TextRule rule = TextRuleFor(kind, column.type_oid, options);
    converts_ = converts_ || rule == TextRule::kConvert;
    columns_.push_back({kind, rule, column.name, column.type_name});
    all_columns_.push_back(i);
    if (column.key) key_columns_.push_back(i);
  }
}

RowEncoder::Result RowEncoder::EncodeValue(std::span<const TextValue> values,
                                           std::span<const TextValue> old_values,
                                           std::string* out) const {
  return Encode(all_columns_, /*is_key=*/false, values, old_values, out);
}

void RowEncoder::EncodeKey(std::span<const TextValue> values, std::span<const TextValue> old_values,
                           std::string* out) const {
  Encode(key_columns_, /*is_key=*/true, values, old_values, out);
}

const std::string* RowEncoder::NullInKey(std::span<const TextValue> values) const {
  RequireColumnCount(values.size());
  for (const size_t i : key_columns_) {
    if (values[i].kind == TextValue::Kind::kNull) return &columns_[i].name;
  }
  return nullptr;
}

RowEncoder::Result RowEncoder::Encode(std::span<const size_t> which, bool is_key,
                                      std::span<const TextValue> values,
                                      std::span<const TextValue> old_values,
                                      std::string* out) const {
  RequireColumnCount(values.size());
  if (!old_values.empty()) RequireColumnCount(old_values.size());
  if (!converts_) return EncodeUtf8(which, is_key, values, old_values, out);
  Converted now;
  Converted before;
  return EncodeUtf8(which, is_key, ToUtf8(which, values, &now), ToUtf8(which, old_values, &before),
                    out);
}

std::span<const TextValue> RowEncoder::ToUtf8(std::span<const size_t> which,
                                              std::span<const TextValue> values,
                                              Converted* store) const {
  if (values.empty()) return values;
  store->values.assign(values.begin(), values.end());
  for (const size_t i : which) {
    TextValue& value = store->values[i];
    if (columns_[i].text_rule != TextRule::kConvert || value.kind != TextValue::Kind::kText ||
        IsAscii(value.text)) {
      continue;
    }
    std::optional<std::string> text =
        TextToUtf8(value.text, options_.encoding, options_.invalid_text);
    if (!text) Refuse(columns_[i], ValueStatus::kInvalidUtf8);
    value.text = store->texts.emplace_back(std::move(*text));
  }
  return store->values;
}

RowEncoder::Result RowEncoder::EncodeUtf8(std::span<const size_t> which, bool is_key,
                                          std::span<const TextValue> values,
                                          std::span<const TextValue> old_values,
                                          std::string* out) const {
  size_t size_max = 0;
  for (const size_t i : which) {
    size_max += TextSize(Resolve(values, old_values, i)) + kFieldOverheadBytesMax;
  }
  const size_t start = out->size();
  out->resize(start + size_max);
  char* cursor = out->data() + start;

  Result result;
  for (const size_t i : which) {
    const ColumnEncoder& column = columns_[i];
    const TextValue& value = Resolve(values, old_values, i);
    ValueStatus status = ValueStatus::kOk;
    if (value.kind == TextValue::Kind::kNull) {
      *cursor++ = kNullBranch;
      if (is_key) status = ValueStatus::kNullInKey;
    } else if (value.kind == TextValue::Kind::kText) {
      status = column.text_rule == TextRule::kCheck && !IsValidUtf8(value.text)
                   ? ValueStatus::kInvalidUtf8
                   : EncodeTextValue(column.kind, value.text, &cursor);
    } else if (!is_key && (IsString(column.kind) || column.kind == ValueKind::kBytes)) {
      status = EncodeTextValue(ValueKind::kString, kUnavailableValue, &cursor);
      result.has_unavailable_value = true;
    } else {
      status = ValueStatus::kUnavailable;
    }
    if (status != ValueStatus::kOk) {
      out->resize(start);
      Refuse(column, status);
    }
  }
  out->resize(static_cast<size_t>(cursor - out->data()));
  return result;
}

void RowEncoder::RequireColumnCount(size_t count) const {
  if (count == columns_.size()) return;
  throw UnexpectedHalt("a tuple of table " + Printable(table_name_) + " has " +
                       std::to_string(count) + " columns, its relation has " +
                       std::to_string(columns_.size()));
}

void RowEncoder::Refuse(const ColumnEncoder& column, ValueStatus status) const {
  const char* problem = "";
  switch (status) {
    case ValueStatus::kOk:
      break;
    case ValueStatus::kMalformed:
      problem = "its text is not valid for this type";
      break;
    case ValueStatus::kOutOfRange:
      problem =
          "Avro cannot hold its value (e.g. a timestamp after the year 294246); change it, or "
          "leave such rows out with --on-error=log";
      break;
    case ValueStatus::kInvalidUtf8:
      problem =
          "its text is neither valid UTF-8 nor valid in the database's encoding; "
          "--invalid-text=replace or bytes would publish it";
      break;
    case ValueStatus::kNullInKey:
      problem = "a key with a null column identifies no row";
      break;
    case ValueStatus::kUnavailable:
      problem =
          "its unchanged TOASTed value is neither in the WAL nor in an old tuple; "
          "REPLICA IDENTITY FULL would log it";
      break;
  }
  throw RowError("table " + Printable(table_name_) + ", column \"" + Printable(column.name) +
                 "\" (" + Printable(column.type_name) + "): " + problem);
}

}  // namespace bw
