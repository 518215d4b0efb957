#include "avro/type_encoder.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>

#include "avro/array_text.h"
#include "avro/binary_format.h"
#include "avro/date_time_text.h"
#include "avro/decimal_text.h"
#include "avro/interval_text.h"
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

// double, and numeric with --numeric=double, which is rounded as IEEE 754 rounds: what is beyond
// the greatest double becomes an infinity, and what is below the least 0. Whoever asks for doubles
// gets the nearest one, and needs no text beside it. PostgreSQL prints no double precision without
// an exponent that has such a value.
ValueStatus EncodeDouble(std::string_view text, char** cursor) {
  std::optional<double> value = ParseFloat<double>(text);
  if (!value) {
    if (!IsNumericText(text)) return ValueStatus::kMalformed;
    const std::string_view whole = text.substr(0, text.find('.'));
    const bool is_large = whole.find_first_not_of("-0") != whole.npos;
    value = is_large ? std::numeric_limits<double>::infinity() : 0.0;
    if (text.front() == '-') value = -*value;
  }
  *cursor = WriteLittleEndian(std::bit_cast<uint64_t>(*value), *cursor);
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

// By the rule of text beside (docs/decisions/0018): the infinities of PostgreSQL 17, and what is
// beyond 64 bits of microseconds.
ValueStatus EncodeIntervalMicros(std::string_view text, char** cursor) {
  Interval interval;
  ValueStatus status = ParseInterval(text, &interval);
  int64_t micros = 0;
  if (status == ValueStatus::kOk) status = IntervalMicros(interval, &micros);
  if (status == ValueStatus::kOutOfRange) return ValueStatus::kTextBeside;
  if (status == ValueStatus::kOk) *cursor = WriteLong(micros, *cursor);
  return status;
}

// The infinities are the same words in every style.
ValueStatus EncodeIntervalText(std::string_view text, char** cursor) {
  Interval interval;
  const ValueStatus status = ParseInterval(text, &interval);
  if (status == ValueStatus::kOutOfRange) return EncodeString(text, cursor);
  if (status != ValueStatus::kOk) return status;
  char printed[kIntervalTextMax];
  return EncodeString({printed, PrintInterval(interval, printed)}, cursor);
}

size_t LengthBytes(size_t length) {
  char unused[kVarintBytesMax];
  return static_cast<size_t>(WriteLength(length, unused) - unused);
}

// What an element takes beyond its text: the union's branch, and what its type needs.
size_t ElementOverheadMax(const ColumnType& type, size_t text_size) {
  switch (type.element) {
    case ValueKind::kBoolean:
    case ValueKind::kInt:
    case ValueKind::kLong:
    case ValueKind::kUnsigned:
    case ValueKind::kDate:
    case ValueKind::kTime:
    case ValueKind::kTimeMillis:
      return 1;  // A varint is no longer than the digits.
    case ValueKind::kFloat:
      return 1 + sizeof(float);
    case ValueKind::kDouble:
      return 1 + sizeof(double);
    case ValueKind::kDecimal:
      return 5 + static_cast<size_t>(type.scale) / 2;
    case ValueKind::kTimestamp:
    case ValueKind::kTimestamptz:
    case ValueKind::kTimestampMillis:
    case ValueKind::kTimestamptzMillis:
      return 3;  // Ten bytes for "infinity".
    case ValueKind::kIntervalText:
      return 1 + kVarintBytesMax + kIntervalTextMax;
    case ValueKind::kEnum:  // A label of one letter may have a large number.
    case ValueKind::kIntervalMicros:
      return 1 + kVarintBytesMax;
    default:
      return 1 + LengthBytes(text_size);
  }
}

// A label that is no symbol, or that came after the schema, goes beside.
ValueStatus EncodeEnum(const std::vector<std::string>& symbols, std::string_view label,
                       char** cursor) {
  const auto found = std::ranges::find(symbols, label);
  if (found == symbols.end()) return ValueStatus::kTextBeside;
  *cursor = WriteLong(found - symbols.begin(), *cursor);
  return ValueStatus::kOk;
}

ValueStatus EncodeByKind(ValueKind kind, const ColumnType& type, std::string_view text,
                         char** cursor);

// As the union's second branch. `kind` is that of `type` or of its elements.
ValueStatus EncodeUnion(ValueKind kind, const ColumnType& type, std::string_view text,
                        char** cursor) {
  char* p = *cursor;
  *p++ = kValueBranch;
  const ValueStatus status = EncodeByKind(kind, type, text, &p);
  if (status == ValueStatus::kOk) *cursor = p;
  return status;
}

// array := count: varint | (0x00 | 0x02 value){count} | 0x00   in one block; without it when empty
ValueStatus EncodeArray(const ColumnType& type, std::string_view text, char** cursor) {
  char* const start = *cursor;
  // The count comes first, and is known last: room for that of the most elements possible.
  const size_t count_room = LengthBytes(ElementsAtMost(text, type.delimiter));
  char* p = start + count_room;
  size_t count = 0;
  ArrayReader elements(text, type.delimiter);
  for (ArrayReader::Element element; elements.Next(&element); ++count) {
    if (element.is_null) {
      *p++ = kNullBranch;
      continue;
    }
    const ValueStatus status = EncodeUnion(type.element, type, element.text, &p);
    // Such as a timestamp after 294246, for which there is a text here.
    if (status == ValueStatus::kOutOfRange) return ValueStatus::kTextBeside;
    if (status != ValueStatus::kOk) return status;
  }
  if (elements.status() != ValueStatus::kOk) return elements.status();
  char* const begin = WriteLength(count, start);
  if (count > 0) {
    const auto size = static_cast<size_t>(p - (start + count_room));
    if (begin != start + count_room) std::memmove(begin, start + count_room, size);
    p = begin + size;
    *p++ = 0;
  } else {
    p = begin;
  }
  *cursor = p;
  return ValueStatus::kOk;
}

ValueStatus EncodeByKind(ValueKind kind, const ColumnType& type, std::string_view text,
                         char** cursor) {
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
      return EncodeDouble(text, cursor);
    case ValueKind::kNumeric:
      return IsNumericText(text) ? EncodeString(text, cursor) : ValueStatus::kMalformed;
    case ValueKind::kDecimal:
      return EncodeDecimal(text, type.precision, type.scale, cursor);
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
    case ValueKind::kTimeMillis:
      return EncodeParsed(ParseTimeMillis, text, cursor);
    case ValueKind::kTimestampMillis:
      return EncodeParsed(ParseTimestampMillis, text, cursor);
    case ValueKind::kTimestamptzMillis:
      return EncodeParsed(ParseTimestamptzMillis, text, cursor);
    case ValueKind::kEnum:
      return EncodeEnum(type.symbols, text, cursor);
    case ValueKind::kIntervalText:
      return EncodeIntervalText(text, cursor);
    case ValueKind::kIntervalMicros:
      return EncodeIntervalMicros(text, cursor);
    case ValueKind::kArray:
      return EncodeArray(type, text, cursor);
  }
  return ValueStatus::kMalformed;
}

}  // namespace

size_t EncodedBytesMax(const ColumnType& type, std::string_view text) {
  size_t bytes = text.size() + kFieldOverheadBytesMax;
  if (type.kind == ValueKind::kDecimal) bytes += static_cast<size_t>(type.scale) / 2;
  if (type.kind == ValueKind::kIntervalText) bytes += kIntervalTextMax;
  if (type.kind == ValueKind::kArray) {
    bytes += ElementsAtMost(text, type.delimiter) * ElementOverheadMax(type, text.size());
  }
  return bytes;
}

ValueStatus EncodeBareValue(const ColumnType& type, std::string_view text, char** cursor) {
  char* p = *cursor;
  const ValueStatus status = EncodeByKind(type.kind, type, text, &p);
  if (status == ValueStatus::kOk) *cursor = p;
  return status;
}

ValueStatus EncodeTextValue(const ColumnType& type, std::string_view text, char** cursor) {
  return EncodeUnion(type.kind, type, text, cursor);
}

}  // namespace bw
