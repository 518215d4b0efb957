#include "avro/column_type.h"

#include <algorithm>

#include "avro/decimal_text.h"
#include "avro/name.h"
#include "avro/postgres_type_name.h"
#include "avro/type_oid.h"

namespace bw {
namespace {

// What is left of a type when its domains are taken off.
struct Undressed {
  uint32_t oid = 0;
  int32_t typmod = -1;
  std::optional<UserType> user;  // Of `oid`; nothing for a built-in or an unknown type.
};

Undressed ResolveDomains(uint32_t oid, int32_t typmod, const UserTypeLookup& lookup) {
  if (!IsUserTypeOid(oid)) return {oid, typmod, std::nullopt};
  std::optional<UserType> user = lookup(oid);
  if (!user || user->base_oid == 0) return {oid, typmod, std::move(user)};
  // A column of a domain has no modifier of its own.
  Undressed base{user->base_oid, user->base_typmod, std::nullopt};
  if (IsUserTypeOid(base.oid)) base.user = lookup(base.oid);
  return base;
}

// The type of the elements; 0 for what is no array.
uint32_t ElementOidOf(const Undressed& type) {
  return type.user ? type.user->element_oid : BuiltinElementType(type.oid);
}

ValueKind KindOfInterval(IntervalForm form) {
  switch (form) {
    case IntervalForm::kIso:
      return ValueKind::kString;
    case IntervalForm::kText:
      return ValueKind::kIntervalText;
    case IntervalForm::kMicros:
      return ValueKind::kIntervalMicros;
  }
  return ValueKind::kString;
}

ValueKind InMillis(ValueKind kind) {
  switch (kind) {
    case ValueKind::kTime:
      return ValueKind::kTimeMillis;
    case ValueKind::kTimestamp:
      return ValueKind::kTimestampMillis;
    case ValueKind::kTimestamptz:
      return ValueKind::kTimestamptzMillis;
    default:
      return kind;
  }
}

ColumnType NumericType(int32_t typmod, NumericForm form) {
  ColumnType type;
  type.kind = ValueKind::kNumeric;
  if (form == NumericForm::kString) return type;
  const std::optional<NumericDigits> digits = NumericDigitsOf(typmod);
  if (!digits || digits->precision < 1) return type;
  // PostgreSQL allows a scale below 0, which rounds to tens or hundreds, and one above the
  // precision, for numbers that begin with zeros after the point.
  const int32_t scale = std::max(digits->scale, 0);
  const int32_t precision = std::max(digits->precision - std::min(digits->scale, 0), scale);
  if (precision > kDecimalDigitsMax) return type;
  if (form == NumericForm::kDouble) {
    type.kind = ValueKind::kDouble;
    return type;
  }
  type.kind = ValueKind::kDecimal;
  type.precision = precision;
  type.scale = scale;
  return type;
}

// Text where no label is an Avro name: an enum of nothing is none.
ColumnType EnumType(const std::vector<std::string>& labels) {
  ColumnType type;
  for (const std::string& label : labels) {
    if (!label.empty() && AvroSafeName(label) == label) type.symbols.push_back(label);
  }
  if (!type.symbols.empty()) type.kind = ValueKind::kEnum;
  return type;
}

// The representation of a type that is no array.
ColumnType ScalarType(const Undressed& undressed, const TypeForms& forms) {
  const uint32_t oid = undressed.oid;
  if (oid == type_oid::kNumeric) return NumericType(undressed.typmod, forms.numeric);
  if (undressed.user && forms.enums == EnumForm::kAvro) return EnumType(undressed.user->labels);
  ColumnType type;
  type.kind = oid == type_oid::kInterval ? KindOfInterval(forms.intervals) : KindOfType(oid);
  if (forms.time_precision == TimePrecision::kMillis) type.kind = InMillis(type.kind);
  return type;
}

}  // namespace

TypeForms TypeForms::OfKey() const {
  TypeForms exact = *this;
  if (numeric == NumericForm::kDouble) exact.numeric = NumericForm::kDecimal;
  exact.enums = EnumForm::kString;
  exact.intervals = IntervalForm::kIso;
  exact.time_precision = TimePrecision::kMicros;
  return exact;
}

ColumnType ColumnTypeOf(uint32_t oid, int32_t typmod, const TypeForms& forms,
                        const UserTypeLookup& lookup) {
  const Undressed base = ResolveDomains(oid, typmod, lookup);
  const uint32_t element_oid = ElementOidOf(base);
  if (element_oid == 0) return ScalarType(base, forms);
  if (forms.arrays == ArrayForm::kText) return {};

  // An array's modifier is its elements'.
  const Undressed element = ResolveDomains(element_oid, base.typmod, lookup);
  ColumnType type;
  // A domain over an array may be an element: its text is an array's text in quotes.
  if (ElementOidOf(element) == 0) type = ScalarType(element, forms);
  type.element = type.kind;
  type.kind = ValueKind::kArray;
  type.delimiter = base.user ? base.user->delimiter : BuiltinDelimiter(element_oid);
  return type;
}

ResolvedType Resolve(uint32_t oid, int32_t typmod, const UserTypeLookup& lookup) {
  const Undressed base = ResolveDomains(oid, typmod, lookup);
  return {base.oid, base.typmod, ElementOidOf(base)};
}

std::vector<std::string> EnumLabelsOf(uint32_t oid, const UserTypeLookup& lookup) {
  std::optional<UserType> user = ResolveDomains(oid, -1, lookup).user;
  return user ? std::move(user->labels) : std::vector<std::string>();
}

}  // namespace bw
