#pragma once

#include <cstdint>
#include <string_view>

namespace bw {

// How a column's values are represented in Avro; shared by the schema builder, the encoder and the
// JSON writer.
enum class ValueKind : uint8_t {
  kBoolean,      // boolean
  kInt,          // int: smallint, integer
  kLong,         // long: bigint
  kUnsigned,     // long: oid, xid, cid (32 bits, unsigned)
  kFloat,        // float
  kDouble,       // double
  kNumeric,      // string: the exact text, including NaN and Infinity
  kDecimal,      // bytes, logicalType decimal: the unscaled number, two's complement, big-endian
  kArray,        // array of ["null", element]
  kString,       // string: text types, and PostgreSQL's text of every type without its own kind
  kJson,         // string: json, jsonb
  kUuid,         // string, logicalType uuid
  kBytes,        // bytes
  kDate,         // int, logicalType date: days since 1970-01-01
  kTime,         // long, logicalType time-micros
  kTimestamp,    // long, logicalType local-timestamp-micros
  kTimestamptz,  // long, logicalType timestamp-micros
  kEnum,         // enum: with --enums=avro
  // --time-precision=millis
  kTimeMillis,         // int, logicalType time-millis
  kTimestampMillis,    // long, logicalType local-timestamp-millis
  kTimestamptzMillis,  // long, logicalType timestamp-millis
  // interval, which is kString with --intervals=iso
  kIntervalText,    // string: as PostgreSQL prints it by default
  kIntervalMicros,  // long: microseconds, months averaged
};

// The Avro type of a kind. `logical_type` is empty for a plain primitive.
struct AvroType {
  std::string_view primitive;
  std::string_view logical_type;
};

ValueKind KindOfType(uint32_t type_oid);
AvroType AvroTypeOf(ValueKind kind);

// The infinities of date and the timestamps: the extreme numbers, as PostgreSQL itself stores them.
// A finite value that would equal one of them is refused.
inline constexpr int32_t kDateInfinity = INT32_MAX;
inline constexpr int32_t kDateMinusInfinity = INT32_MIN;
inline constexpr int64_t kTimestampInfinity = INT64_MAX;
inline constexpr int64_t kTimestampMinusInfinity = INT64_MIN;

// Replaces an unchanged TOASTed value that is neither in the WAL nor in an old tuple. Only in
// string and bytes fields of a value, and as the text beside a decimal or an array; never in a key.
inline constexpr std::string_view kUnavailableValue = "__bottledwater_unavailable_value";

// Whether a value's text could be encoded. RowEncoder, which knows the column, turns it into an
// Error.
enum class ValueStatus : unsigned char {
  kOk,
  kMalformed,    // Not the text that PostgreSQL prints for the type.
  kOutOfRange,   // A value of its type that the Avro type cannot hold.
  kInvalidUtf8,  // Bytes that an Avro string cannot hold.
  kNullInKey,    // A key identifies a row, and a null identifies none.
  kUnavailable,  // An unchanged TOASTed value whose type has no placeholder.
  kTextBeside,   // A valid value that the native form cannot hold: it goes as text.
};

}  // namespace bw
