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

// Whether a field of this kind can hold kUnavailableValue.
bool HoldsPlaceholder(ValueKind kind) {
  return kind == ValueKind::kString || kind == ValueKind::kJson || kind == ValueKind::kNumeric ||
         kind == ValueKind::kBytes;
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

std::string_view TextOf(const TextValue& value) {
  return value.kind == TextValue::Kind::kUnchangedToast ? kUnavailableValue : value.text;
}

}  // namespace

// Texts that were converted to UTF-8, and the tuple that refers to them.
struct RowEncoder::Converted {
  std::deque<std::string> texts;
  std::vector<TextValue> values;
};

// An array's text is read element by element, but it is checked and converted as a whole.
RowEncoder::TextRule RowEncoder::TextRuleFor(const ColumnType& type, uint32_t type_oid,
                                             const RowEncoderOptions& options) {
  using Kind = TextEncoding::Kind;
  const ValueKind kind = type.kind == ValueKind::kArray ? type.element : type.kind;
  if (kind != ValueKind::kString && kind != ValueKind::kJson && kind != ValueKind::kEnum) {
    return TextRule::kAsItIs;
  }
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
    const ColumnType type = FieldType(column.type, options.text_as_bytes());
    const TextRule rule = TextRuleFor(type, column.type_oid, options);
    converts_ = converts_ || rule == TextRule::kConvert;
    columns_.push_back({type, type.holds_all(), EncodedBytesMax(type, {}), column.key, rule,
                        column.name, column.type_name});
    all_columns_.push_back(i);
    if (column.key) key_columns_.push_back(i);
  }
}

RowEncoder::Result RowEncoder::EncodeValue(std::span<const TextValue> values,
                                           std::span<const TextValue> old_values,
                                           std::string* out) const {
  return Encode(all_columns_, /*is_key=*/false, values, old_values, out);
}

RowForm RowEncoder::EncodeKey(std::span<const TextValue> values,
                              std::span<const TextValue> old_values, std::string* out) const {
  return Encode(key_columns_, /*is_key=*/true, values, old_values, out).form;
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
  const size_t start = out->size();
  Result result;
  try {
    while (true) {
      out->resize(start + BytesMax(which, values, old_values, result.form));
      char* cursor = out->data() + start;
      const bool fits = EncodeInForm(which, is_key, values, old_values, &cursor, &result);
      if (fits) {
        out->resize(static_cast<size_t>(cursor - out->data()));
        return result;
      }
      result.has_unavailable_value = false;
    }
  } catch (const Error&) {
    out->resize(start);
    throw;
  }
}

size_t RowEncoder::BytesMax(std::span<const size_t> which, std::span<const TextValue> values,
                            std::span<const TextValue> old_values, RowForm form) const {
  size_t bytes = 0;
  for (const size_t i : which) {
    const ColumnEncoder& column = columns_[i];
    const std::string_view text = TextOf(Resolve(values, old_values, i));
    if (column.holds_all) {
      bytes += text.size() + column.overhead_bytes_max;
      continue;
    }
    bytes += EncodedBytesMax(column.type, text);
    if (form != RowForm::kNative) bytes += text.size() + kFieldOverheadBytesMax;
  }
  return bytes;
}

bool RowEncoder::EncodeInForm(std::span<const size_t> which, bool is_key,
                              std::span<const TextValue> values,
                              std::span<const TextValue> old_values, char** cursor,
                              Result* result) const {
  for (const size_t i : which) {
    const ColumnEncoder& column = columns_[i];
    const TextValue& value = Resolve(values, old_values, i);
    const bool is_plain =
        value.kind == TextValue::Kind::kText && column.text_rule != TextRule::kCheck;
    const ValueStatus status = is_plain ? EncodeTextValue(column.type, value.text, cursor)
                                        : EncodeSpecial(column, is_key, value, cursor, result);
    if (column.holds_all) {
      if (status != ValueStatus::kOk) Refuse(column, status);
    } else if (!EncodeTextBeside(column, TextOf(value), status, cursor, result)) {
      return false;
    }
  }
  return true;
}

ValueStatus RowEncoder::EncodeSpecial(const ColumnEncoder& column, bool is_key,
                                      const TextValue& value, char** cursor, Result* result) {
  switch (value.kind) {
    case TextValue::Kind::kNull:
      if (is_key) return ValueStatus::kNullInKey;
      *(*cursor)++ = kNullBranch;
      return ValueStatus::kOk;
    case TextValue::Kind::kText:
      if (!IsValidUtf8(value.text)) return ValueStatus::kInvalidUtf8;
      return EncodeTextValue(column.type, value.text, cursor);
    case TextValue::Kind::kUnchangedToast:
      break;
  }
  if (is_key) return ValueStatus::kUnavailable;
  result->has_unavailable_value = true;
  if (!column.holds_all) return ValueStatus::kTextBeside;
  if (!HoldsPlaceholder(column.type.kind)) return ValueStatus::kUnavailable;
  return EncodeTextValue(ColumnType{}, kUnavailableValue, cursor);
}

bool RowEncoder::EncodeTextBeside(const ColumnEncoder& column, std::string_view text,
                                  ValueStatus status, char** cursor, Result* result) const {
  const bool has_text = HasTextBeside(column.type, column.is_key, result->form);
  if (status == ValueStatus::kOk) {
    if (has_text) *(*cursor)++ = kNullBranch;
    return true;
  }
  if (status != ValueStatus::kTextBeside) Refuse(column, status);
  if (!has_text) {
    result->form = TextFormOf(column.is_key);
    return false;
  }
  if (!IsValidUtf8(text)) Refuse(column, ValueStatus::kInvalidUtf8);
  *(*cursor)++ = kNullBranch;
  EncodeTextValue(ColumnType{}, text, cursor);
  return true;
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
    case ValueStatus::kTextBeside:
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
