#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "avro/value_kind.h"
#include "debezium/column_form.h"

// PostgreSQL's texts (settings: datestyle ISO, intervalstyle iso_8601, timezone UTC) as Avro bodies
// of Debezium's types. Pure.

namespace bw::debezium {

// Pieces of a body, appended to `*out`.
void AppendNumber(int64_t number, std::string* out);
void AppendText(std::string_view text, std::string* out);  // A string, or bytes.

// Appends a value that is not null, without a union's branch. kTextBeside for a value of its type
// that Debezium's type cannot hold (NaN as a decimal, an array of two dimensions), and kOutOfRange
// for one that only our reading of it cannot (a timestamp after 294246). After any other status
// than kOk, what was appended is to be removed by the caller.
ValueStatus AppendValue(const ColumnForm& form, std::string_view text, std::string* out);

// What stands for an unchanged TOASTed value: Debezium's unavailable.value.placeholder.
// kUnavailable for a type without one.
ValueStatus AppendUnavailable(const ColumnForm& form, std::string* out);

// What stands for a column that must have a value and of which none was sent: zero, or empty.
void AppendZero(const ColumnForm& form, std::string* out);

}  // namespace bw::debezium
