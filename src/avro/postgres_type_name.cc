#include "avro/postgres_type_name.h"

#include <utility>

#include "avro/builtin_types.h"
#include "avro/type_oid.h"

namespace bw {
namespace {

// OIDs below this are fixed by pg_type.dat; pgoutput names only types above it
// (FirstGenbkiObjectId).
constexpr uint32_t kFirstGeneratedOid = 10000;
// PostgreSQL adds the size of a varlena header to the length in these modifiers.
constexpr int32_t kVarlenaHeaderBytes = 4;

std::string InParentheses(int64_t number) { return "(" + std::to_string(number) + ")"; }

std::string CharacterModifier(int32_t typmod) {
  return typmod > kVarlenaHeaderBytes ? InParentheses(int64_t{typmod} - kVarlenaHeaderBytes) : "";
}

// Precision in the upper 16 bits; scale in the lower 11, signed since PostgreSQL 15.
std::string NumericModifier(int32_t typmod) {
  if (typmod < kVarlenaHeaderBytes) return "";
  const int32_t packed = typmod - kVarlenaHeaderBytes;
  const int32_t precision = (packed >> 16) & 0xFFFF;
  const int32_t scale = ((packed & 0x7FF) ^ 1024) - 1024;
  return "(" + std::to_string(precision) + "," + std::to_string(scale) + ")";
}

// Fields in the upper 15 bits, one bit per field as in the server's datetime.h; precision below.
std::string IntervalModifier(int32_t typmod) {
  constexpr int32_t kMonth = 1 << 1, kYear = 1 << 2, kDay = 1 << 3;
  constexpr int32_t kHour = 1 << 10, kMinute = 1 << 11, kSecond = 1 << 12;
  constexpr int32_t kFullPrecision = 0xFFFF;
  constexpr std::pair<int32_t, const char*> kNames[] = {
      {kYear, " year"},
      {kMonth, " month"},
      {kDay, " day"},
      {kHour, " hour"},
      {kMinute, " minute"},
      {kSecond, " second"},
      {kYear | kMonth, " year to month"},
      {kDay | kHour, " day to hour"},
      {kDay | kHour | kMinute, " day to minute"},
      {kDay | kHour | kMinute | kSecond, " day to second"},
      {kHour | kMinute, " hour to minute"},
      {kHour | kMinute | kSecond, " hour to second"},
      {kMinute | kSecond, " minute to second"},
  };
  const int32_t precision = typmod & 0xFFFF;
  std::string text;
  for (const auto& [fields, name] : kNames) {
    if (((typmod >> 16) & 0x7FFF) == fields) text = name;
  }
  if (precision != kFullPrecision) text += InParentheses(precision);
  return text;
}

std::string BuiltinTypeName(const BuiltinType& type, int32_t typmod) {
  if (type.element_oid != 0) return PostgresTypeName(type.element_oid, typmod) + "[]";
  if (typmod < 0) return std::string(type.name);
  switch (type.oid) {
    // Without a modifier, these two have other names: "character" would mean character(1).
    case type_oid::kBpchar:
      return "character" + CharacterModifier(typmod);
    case type_oid::kBit:
      return "bit" + InParentheses(typmod);
    case type_oid::kVarchar:
      return "character varying" + CharacterModifier(typmod);
    case type_oid::kVarbit:
      return "bit varying" + InParentheses(typmod);
    case type_oid::kNumeric:
      return "numeric" + NumericModifier(typmod);
    case type_oid::kTime:
      return "time" + InParentheses(typmod) + " without time zone";
    case type_oid::kTimetz:
      return "time" + InParentheses(typmod) + " with time zone";
    case type_oid::kTimestamp:
      return "timestamp" + InParentheses(typmod) + " without time zone";
    case type_oid::kTimestamptz:
      return "timestamp" + InParentheses(typmod) + " with time zone";
    case type_oid::kInterval:
      return "interval" + IntervalModifier(typmod);
    default:
      return std::string(type.name);
  }
}

}  // namespace

std::string PostgresTypeName(uint32_t oid, int32_t typmod, std::string_view user_type_name) {
  if (const BuiltinType* type = FindBuiltinType(oid)) return BuiltinTypeName(*type, typmod);
  if (oid < kFirstGeneratedOid || user_type_name.empty()) return "oid " + std::to_string(oid);
  if (IsBuiltinTypeName(user_type_name)) return '"' + std::string(user_type_name) + '"';
  return std::string(user_type_name);
}

}  // namespace bw
