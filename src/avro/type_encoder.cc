#include "avro/type_encoder.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>

#include "avro/binary_format.h"
#include "avro/date_time_text.h"
#include "base/hex_digit.h"
#include "base/parse_whole.h"

namespace bw {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

template <typename Float>
std::optional<Float> ParseFloat(std::string_view text) {
  using Limits = std::numeric_limits<Float>;
  if (text == "NaN") return Limits::quiet_NaN();
  if (text == "Infinity") return Limits::infinity();
  if (text == "-Infinity") return -Limits::infinity();
  // from_chars would also accept other spellings of these, "inf" or "nan(x)".
  const size_t first = !text.empty() && text.front() == '-' ? 1 : 0;
  if (first == text.size() || !IsDigit(text[first])) return std::nullopt;
  return ParseWhole<Float>(text);
}

size_t CountDigits(std::string_view text) {
  return static_cast<size_t>(std::find_if_not(text.begin(), text.end(), IsDigit) - text.begin());
}

// -123.4500, NaN, Infinity, -Infinity; numeric is never printed with an exponent.
bool IsNumericText(std::string_view text) {
  if (text == "NaN") return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text == "Infinity") return true;
  const size_t whole = CountDigits(text);
  if (whole == 0) return false;
  text.remove_prefix(whole);
  if (text.empty()) return true;
  if (text.front() != '.') return false;
  text.remove_prefix(1);
  return !text.empty() && CountDigits(text) == text.size();
}

bool IsUuidText(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[i] != '-' : HexDigit(text[i]) < 0) return false;
  }
  return true;
}

char* WriteLength(size_t length, char* p) { return WriteLong(static_cast<int64_t>(length), p); }

ValueStatus EncodeString(std::string_view text, char** cursor) {
  char* p = WriteLength(text.size(), *cursor);
  if (!text.empty()) std::memcpy(p, text.data(), text.size());
  *cursor = p + text.size();
  return ValueStatus::kOk;
}

// bytea_output = hex: \x6869
ValueStatus EncodeHexBytes(std::string_view digits, char** cursor) {
  if (digits.size() % 2 != 0) return ValueStatus::kMalformed;
  char* p = WriteLength(digits.size() / 2, *cursor);
  for (size_t i = 0; i < digits.size(); i += 2) {
    const int high = HexDigit(digits[i]);
    const int low = HexDigit(digits[i + 1]);
    if (high < 0 || low < 0) return ValueStatus::kMalformed;
    *p++ = static_cast<char>(high * 16 + low);
  }
  *cursor = p;
  return ValueStatus::kOk;
}

// The length of the escape sequence at the start of `text`: 2 for \\, 4 for \ooo, else 0.
size_t EscapeLength(std::string_view text) {
  if (text.size() >= 2 && text[1] == '\\') return 2;
  const auto octal = [&text](size_t i, char max) { return text[i] >= '0' && text[i] <= max; };
  return text.size() >= 4 && octal(1, '3') && octal(2, '7') && octal(3, '7') ? 4 : 0;
}

// bytea_output = escape: most bytes as they are, backslashes doubled, other bytes as \ooo. The
// length comes first, so this takes two passes; our own sessions never get this form.
ValueStatus EncodeEscapedBytes(std::string_view text, char** cursor) {
  size_t length = 0;
  for (size_t i = 0; i < text.size(); ++length) {
    const size_t used = text[i] == '\\' ? EscapeLength(text.substr(i)) : 1;
    if (used == 0) return ValueStatus::kMalformed;
    i += used;
  }
  char* p = WriteLength(length, *cursor);
  for (size_t i = 0; i < text.size();) {
    const size_t used = text[i] == '\\' ? EscapeLength(text.substr(i)) : 1;
    if (used == 4) {
      *p++ = static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
    } else {
      *p++ = text[i];
    }
    i += used;
  }
  *cursor = p;
  return ValueStatus::kOk;
}

ValueStatus EncodeBoolean(std::string_view text, char** cursor) {
  if (text != "t" && text != "f") return ValueStatus::kMalformed;
  *(*cursor)++ = text == "t" ? 1 : 0;
  return ValueStatus::kOk;
}

template <typename Integer>
ValueStatus EncodeInteger(std::string_view text, char** cursor) {
  const auto value = ParseWhole<Integer>(text);
  if (!value) return ValueStatus::kMalformed;
  *cursor = WriteLong(static_cast<int64_t>(*value), *cursor);
  return ValueStatus::kOk;
}

template <typename Float>
ValueStatus EncodeFloat(std::string_view text, char** cursor) {
  using Bits = std::conditional_t<sizeof(Float) == 4, uint32_t, uint64_t>;
  const auto value = ParseFloat<Float>(text);
  if (!value) return ValueStatus::kMalformed;
  *cursor = WriteLittleEndian(std::bit_cast<Bits>(*value), *cursor);
  return ValueStatus::kOk;
}

template <typename Integer>
ValueStatus EncodeParsed(ValueStatus (*parse)(std::string_view, Integer*), std::string_view text,
                         char** cursor) {
  Integer value = 0;
  const ValueStatus status = parse(text, &value);
  if (status == ValueStatus::kOk) *cursor = WriteLong(value, *cursor);
  return status;
}

ValueStatus EncodeByKind(ValueKind kind, std::string_view text, char** cursor) {
  switch (kind) {
    case ValueKind::kBoolean:
      return EncodeBoolean(text, cursor);
    case ValueKind::kInt:
      return EncodeInteger<int32_t>(text, cursor);
    case ValueKind::kLong:
      return EncodeInteger<int64_t>(text, cursor);
    case ValueKind::kUnsigned:
      return EncodeInteger<uint32_t>(text, cursor);
    case ValueKind::kFloat:
      return EncodeFloat<float>(text, cursor);
    case ValueKind::kDouble:
      return EncodeFloat<double>(text, cursor);
    case ValueKind::kNumeric:
      return IsNumericText(text) ? EncodeString(text, cursor) : ValueStatus::kMalformed;
    case ValueKind::kUuid:
      return IsUuidText(text) ? EncodeString(text, cursor) : ValueStatus::kMalformed;
    // PostgreSQL has already validated JSON.
    case ValueKind::kString:
    case ValueKind::kJson:
      return EncodeString(text, cursor);
    case ValueKind::kBytes:
      return text.starts_with("\\x") ? EncodeHexBytes(text.substr(2), cursor)
                                     : EncodeEscapedBytes(text, cursor);
    case ValueKind::kDate:
      return EncodeParsed(ParseDate, text, cursor);
    case ValueKind::kTime:
      return EncodeParsed(ParseTime, text, cursor);
    case ValueKind::kTimestamp:
      return EncodeParsed(ParseTimestamp, text, cursor);
    case ValueKind::kTimestamptz:
      return EncodeParsed(ParseTimestamptz, text, cursor);
  }
  return ValueStatus::kMalformed;
}

}  // namespace

ValueStatus EncodeTextValue(ValueKind kind, std::string_view text, char** cursor) {
  char* p = *cursor;
  *p++ = kValueBranch;
  const ValueStatus status = EncodeByKind(kind, text, &p);
  if (status == ValueStatus::kOk) *cursor = p;
  return status;
}

}  // namespace bw
