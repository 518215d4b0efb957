#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "avro/value_kind.h"

namespace bw {

// How the values of a column are represented in Avro.
struct ColumnType {
  ValueKind kind = ValueKind::kString;
  // Of kArray: what each element is; never kArray.
  ValueKind element = ValueKind::kString;
  // Of kDecimal, as value or as element: at most `precision` digits, `scale` of them after the
  // point; 0 <= scale <= precision.
  int32_t precision = 0;
  int32_t scale = 0;
  // Of kArray: what stands between two elements. ',' for every type but box.
  char delimiter = ',';
  // Of kEnum, as value or as element: those labels that are Avro names, at least one.
  std::vector<std::string> symbols = {};

  // Whether the Avro type holds every value that PostgreSQL may send. Else some go as text, in a
  // field beside it: docs/decisions/0018.
  bool holds_all() const {
    return kind != ValueKind::kDecimal && kind != ValueKind::kArray &&
           kind != ValueKind::kIntervalMicros && kind != ValueKind::kEnum;
  }

  friend bool operator==(const ColumnType&, const ColumnType&) = default;
};

// --numeric: what a numeric with a precision becomes; without one it is text, as with kString.
enum class NumericForm : uint8_t { kDecimal, kString, kDouble };
// --arrays.
enum class ArrayForm : uint8_t { kNative, kText };
// --enums: a string, or an Avro enum of the labels.
enum class EnumForm : uint8_t { kString, kAvro };
// --intervals: ISO 8601, as PostgreSQL prints them by default, or a number of microseconds.
enum class IntervalForm : uint8_t { kIso, kText, kMicros };
// --time-precision: of time, timestamp and timestamptz.
enum class TimePrecision : uint8_t { kMicros, kMillis };

struct TypeForms {
  NumericForm numeric = NumericForm::kDecimal;
  ArrayForm arrays = ArrayForm::kNative;
  EnumForm enums = EnumForm::kString;
  IntervalForm intervals = IntervalForm::kIso;
  TimePrecision time_precision = TimePrecision::kMicros;

  // Those of key columns. None of them loses digits, since two keys would become one. Enums are
  // strings: a new label would be a new schema, and so make another key of every row. And intervals
  // have one form: two texts would have one schema, so nobody would see that all keys have changed.
  TypeForms OfKey() const;
};

// What pg_type says of a type that is not built in. Of an OID all of this stays as it is, but for
// the labels, of which there may be more later.
struct UserType {
  // Of a domain: the type below all domains, and its modifier; else 0.
  uint32_t base_oid = 0;
  int32_t base_typmod = -1;
  // Of an array: its elements' type; else 0.
  uint32_t element_oid = 0;
  char delimiter = ',';
  // Of an enum, in their order.
  std::vector<std::string> labels = {};

  friend bool operator==(const UserType&, const UserType&) = default;
};

// Finds a type that is not built in; nothing when it was dropped. May throw transient Errors.
using UserTypeLookup = std::function<std::optional<UserType>(uint32_t oid)>;

// The representation of a column with this pg_attribute.atttypid and atttypmod. A type that
// `lookup` does not find is text. Pure, but for `lookup`.
ColumnType ColumnTypeOf(uint32_t oid, int32_t typmod, const TypeForms& forms,
                        const UserTypeLookup& lookup);

// The labels of an enum, or of a domain over one; empty for all else.
std::vector<std::string> EnumLabelsOf(uint32_t oid, const UserTypeLookup& lookup);

// A type without the domains around it, and the one of its elements if it is an array.
struct ResolvedType {
  uint32_t oid = 0;
  int32_t typmod = -1;
  uint32_t element_oid = 0;
  friend bool operator==(const ResolvedType&, const ResolvedType&) = default;
};
ResolvedType Resolve(uint32_t oid, int32_t typmod, const UserTypeLookup& lookup);

}  // namespace bw
