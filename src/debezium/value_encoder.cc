#include "debezium/value_encoder.h"

#include <algorithm>
#include <array>
#include <optional>

#include "avro/array_text.h"
#include "avro/binary_format.h"
#include "avro/date_time_text.h"
#include "avro/decimal_text.h"
#include "avro/json_text.h"
#include "avro/type_encoder.h"
#include "debezium/geometry.h"
#include "debezium/time_text.h"

namespace bw::debezium {
namespace {

// Of pgjdbc, in milliseconds: what Debezium has for infinite timestamps of up to 3 digits.
constexpr int64_t kInfinityMillis = 9223372036825200000;
constexpr int64_t kMinusInfinityMillis = -9223372036832400000;
constexpr std::string_view kPlaceholder = "__debezium_unavailable_value";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int64_t FloorMillis(int64_t micros) {
  const int64_t millis = micros / kMicrosPerMilli;
  return micros % kMicrosPerMilli < 0 ? millis - 1 : millis;
}

ValueStatus AppendAs(ValueKind kind, std::string_view text, std::string* out) {
  ColumnType type;
  type.kind = kind;
  const size_t start = out->size();
  out->resize(start + EncodedBytesMax(type, text));
  char* p = out->data() + start;
  const ValueStatus status = EncodeBareValue(type, text, &p);
  out->resize(static_cast<size_t>(p - out->data()));
  return status;
}

ValueStatus AppendDecimal(std::string_view text, int32_t precision, int32_t scale,
                          std::string* out) {
  const size_t start = out->size();
  out->resize(start + text.size() + static_cast<size_t>(scale) / 2 + kVarintBytesMax);
  char* p = out->data() + start;
  const ValueStatus status = EncodeDecimal(text, precision, scale, &p);
  out->resize(static_cast<size_t>(p - out->data()));
  return status;
}

// {scale, value}, without zeros at the end of the fraction.
ValueStatus AppendVariableDecimal(std::string_view text, std::string* out) {
  if (!IsNumericText(text)) return ValueStatus::kMalformed;
  if (!IsDigit(text.back())) return ValueStatus::kTextBeside;  // NaN, Infinity.
  const size_t point = text.find('.');
  if (point != text.npos) {
    while (text.back() == '0') text.remove_suffix(1);
    if (text.back() == '.') text.remove_suffix(1);
  }
  const size_t scale = point < text.size() ? text.size() - point - 1 : 0;
  if (text.size() > static_cast<size_t>(kDecimalDigitsMax)) return ValueStatus::kTextBeside;
  AppendNumber(static_cast<int64_t>(scale), out);
  return AppendDecimal(text, kDecimalDigitsMax, static_cast<int32_t>(scale), out);
}

// "-$1,234.50", as lc_monetary says: of locales with two digits after the point, which are the last
// two.
ValueStatus AppendMoney(std::string_view text, std::string* out) {
  std::string digits;
  for (const char c : text) {
    if (IsDigit(c)) digits += c;
  }
  if (digits.size() < 3) return ValueStatus::kTextBeside;
  const size_t last_mark = text.find_last_of(".,");
  if (last_mark == text.npos ||
      std::count_if(text.begin() + static_cast<ptrdiff_t>(last_mark), text.end(), IsDigit) != 2) {
    return ValueStatus::kTextBeside;
  }
  const bool is_negative = text.find('-') != text.npos || text.find('(') != text.npos;
  std::string number = is_negative ? "-" : "";
  number.append(digits, 0, digits.size() - 2).append(".").append(digits, digits.size() - 2);
  return AppendDecimal(number, 19, 2, out);
}

// Bits as java.util.BitSet.toByteArray() has them: the last bit is the lowest one of the first
// byte, and zero bytes at the end are left out.
ValueStatus AppendBits(std::string_view text, std::string* out) {
  std::string bytes((text.size() + 7) / 8, '\0');
  for (size_t i = 0; i < text.size(); ++i) {
    const char bit = text[text.size() - 1 - i];
    if (bit != '0' && bit != '1') return ValueStatus::kMalformed;
    if (bit == '1') bytes[i / 8] = static_cast<char>(bytes[i / 8] | (1 << i % 8));
  }
  while (!bytes.empty() && bytes.back() == '\0') bytes.pop_back();
  AppendText(bytes, out);
  return ValueStatus::kOk;
}

// `"key"=>"value", "other"=>NULL` as a JSON object (hstore_out() in the server's hstore_io.c always
// prints quotes).
class HstoreReader {
 public:
  explicit HstoreReader(std::string_view text) : rest_(text) {}

  bool ToJson(std::string* out) {
    *out += '{';
    while (!rest_.empty()) {
      if (out->back() != '{') *out += ',';
      std::string text;
      if (!Quoted(&text) || !Skip("=>")) return false;
      AppendJsonString(text, out);
      *out += ':';
      if (Skip("NULL")) {
        *out += "null";
      } else if (Quoted(&text)) {
        AppendJsonString(text, out);
      } else {
        return false;
      }
      if (!rest_.empty() && !Skip(", ")) return false;
    }
    *out += '}';
    return true;
  }

 private:
  bool Skip(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }
  bool Quoted(std::string* text) {
    text->clear();
    if (!Skip("\"")) return false;
    size_t i = 0;
    for (; i < rest_.size() && rest_[i] != '"'; ++i) {
      if (rest_[i] == '\\' && ++i == rest_.size()) return false;
      *text += rest_[i];
    }
    if (i == rest_.size()) return false;
    rest_.remove_prefix(i + 1);
    return true;
  }

  std::string_view rest_;
};

ValueStatus AppendHstore(std::string_view text, std::string* out) {
  std::string json;
  if (!HstoreReader(text).ToJson(&json)) return ValueStatus::kMalformed;
  AppendText(json, out);
  return ValueStatus::kOk;
}

ValueStatus AppendTimestampMillis(std::string_view text, std::string* out) {
  int64_t micros = 0;
  const ValueStatus status = ParseTimestamp(text, &micros);
  if (status != ValueStatus::kOk) return status;
  int64_t millis = FloorMillis(micros);
  if (micros == kTimestampInfinity) millis = kInfinityMillis;
  if (micros == kTimestampMinusInfinity) millis = kMinusInfinityMillis;
  AppendNumber(millis, out);
  return ValueStatus::kOk;
}

ValueStatus AppendTimeMillis(std::string_view text, std::string* out) {
  int64_t micros = 0;
  const ValueStatus status = ParseTime(text, &micros);
  if (status == ValueStatus::kOk) AppendNumber(micros / kMicrosPerMilli, out);
  return status;
}

ValueStatus AppendInterval(std::string_view text, std::string* out) {
  const std::optional<int64_t> micros = IntervalMicros(text);
  if (!micros) return ValueStatus::kMalformed;
  AppendNumber(*micros, out);
  return ValueStatus::kOk;
}

// A text that `convert` makes of another.
template <class Convert>
ValueStatus AppendConverted(const Convert& convert, std::string* out) {
  std::string text;
  const ValueStatus status = convert(&text);
  if (status == ValueStatus::kOk) AppendText(text, out);
  return status;
}

// In one block; without it when empty.
ValueStatus AppendArray(const ColumnForm& form, std::string_view text, std::string* out) {
  const ColumnForm& element_form = form.element.front();
  const bool has_nulls = form.schema.items.front().optional;
  ArrayReader elements(text, ',');
  std::string bodies;
  int64_t count = 0;
  for (ArrayReader::Element element; elements.Next(&element); ++count) {
    if (element.is_null && !has_nulls) return ValueStatus::kTextBeside;
    if (has_nulls) bodies += element.is_null ? kNullBranch : kValueBranch;
    if (element.is_null) continue;
    const ValueStatus status = AppendValue(element_form, element.text, &bodies);
    if (status != ValueStatus::kOk) return status;
  }
  if (elements.status() != ValueStatus::kOk) return elements.status();
  if (count > 0) {
    AppendNumber(count, out);
    *out += bodies;
  }
  AppendNumber(0, out);
  return ValueStatus::kOk;
}

ValueStatus AppendNumberForm(const ColumnForm& form, std::string_view text, std::string* out) {
  switch (form.form) {
    case Form::kBoolean:
      return AppendAs(ValueKind::kBoolean, text, out);
    case Form::kInt:
      return AppendAs(ValueKind::kInt, text, out);
    case Form::kLong:
      return AppendAs(ValueKind::kLong, text, out);
    case Form::kUnsigned:
      return AppendAs(ValueKind::kUnsigned, text, out);
    case Form::kFloat:
      return AppendAs(ValueKind::kFloat, text, out);
    case Form::kDouble:
      return AppendAs(ValueKind::kDouble, text, out);
    case Form::kDecimal:
      return AppendDecimal(text, form.precision, form.scale, out);
    case Form::kVariableDecimal:
      return AppendVariableDecimal(text, out);
    default:
      return AppendMoney(text, out);
  }
}

ValueStatus AppendTimeForm(const ColumnForm& form, std::string_view text, std::string* out) {
  switch (form.form) {
    case Form::kDate:
      return AppendAs(ValueKind::kDate, text, out);
    case Form::kTimeMillis:
      return AppendTimeMillis(text, out);
    case Form::kTimeMicros:
      return AppendAs(ValueKind::kTime, text, out);
    case Form::kTimestampMillis:
      return AppendTimestampMillis(text, out);
    case Form::kTimestampMicros:
      return AppendAs(ValueKind::kTimestamp, text, out);
    case Form::kZonedTimestamp:
      return AppendConverted([&](std::string* to) { return ZonedTimestamp(text, form.digits, to); },
                             out);
    case Form::kZonedTime:
      return AppendConverted([&](std::string* to) { return ZonedTime(text, to); }, out);
    default:
      return AppendInterval(text, out);
  }
}

}  // namespace

void AppendNumber(int64_t number, std::string* out) {
  std::array<char, kVarintBytesMax> bytes;
  out->append(bytes.data(), static_cast<size_t>(WriteLong(number, bytes.data()) - bytes.data()));
}

void AppendText(std::string_view text, std::string* out) {
  AppendNumber(static_cast<int64_t>(text.size()), out);
  out->append(text);
}

ValueStatus AppendValue(const ColumnForm& form, std::string_view text, std::string* out) {
  switch (form.form) {
    case Form::kText:
      AppendText(text, out);
      return ValueStatus::kOk;
    case Form::kBit:
      if (text != "0" && text != "1") return ValueStatus::kMalformed;
      *out += text == "1" ? '\1' : '\0';
      return ValueStatus::kOk;
    case Form::kHstore:
      return AppendHstore(text, out);
    case Form::kBytes:
      return AppendAs(ValueKind::kBytes, text, out);
    case Form::kBits:
      return AppendBits(text, out);
    case Form::kPoint:
    case Form::kLine:
    case Form::kGeometry:
    case Form::kCircle:
      return AppendGeometry(form.form, form.type_oid, text, out);
    case Form::kArray:
      return AppendArray(form, text, out);
    case Form::kBoolean:
    case Form::kInt:
    case Form::kLong:
    case Form::kUnsigned:
    case Form::kFloat:
    case Form::kDouble:
    case Form::kDecimal:
    case Form::kVariableDecimal:
    case Form::kMoney:
      return AppendNumberForm(form, text, out);
    default:
      return AppendTimeForm(form, text, out);
  }
}

ValueStatus AppendUnavailable(const ColumnForm& form, std::string* out) {
  switch (form.form) {
    case Form::kText:
    case Form::kBytes:
      AppendText(kPlaceholder, out);
      return ValueStatus::kOk;
    case Form::kHstore:
      AppendText(R"({"__debezium_unavailable_value":"__debezium_unavailable_value"})", out);
      return ValueStatus::kOk;
    case Form::kArray:
      break;
    default:
      return ValueStatus::kUnavailable;
  }
  const ColumnForm& element = form.element.front();
  const bool has_nulls = form.schema.items.front().optional;
  const bool is_number = element.form == Form::kInt || element.form == Form::kLong;
  if (!is_number && element.form != Form::kText) return ValueStatus::kUnavailable;
  AppendNumber(is_number ? static_cast<int64_t>(kPlaceholder.size()) : 1, out);
  for (const char c : is_number ? kPlaceholder : kPlaceholder.substr(0, 1)) {
    if (has_nulls) *out += kValueBranch;
    if (is_number) {
      AppendNumber(c, out);  // Each byte of the text is an element.
    } else {
      AppendText(kPlaceholder, out);
    }
  }
  AppendNumber(0, out);
  return ValueStatus::kOk;
}

void AppendZero(const ColumnForm& form, std::string* out) {
  switch (form.form) {
    case Form::kFloat:
      out->append(sizeof(float), '\0');
      return;
    case Form::kDouble:
      out->append(sizeof(double), '\0');
      return;
    case Form::kDecimal:
    case Form::kMoney:
      return AppendText(std::string_view("\0", 1), out);
    case Form::kVariableDecimal:
      AppendNumber(0, out);
      return AppendText(std::string_view("\0", 1), out);
    case Form::kHstore:
      return AppendText("{}", out);
    case Form::kZonedTimestamp:
      return AppendText("1970-01-01T00:00:00Z", out);
    case Form::kZonedTime:
      return AppendText("00:00:00Z", out);
    case Form::kPoint:
    case Form::kLine:
    case Form::kGeometry:
    case Form::kCircle:
      return AppendZeroGeometry(form.form, form.type_oid, out);
    default:
      // false, 0, "", no bytes and an empty array have the same body.
      *out += '\0';
      return;
  }
}

}  // namespace bw::debezium
