#pragma once

#include <cstddef>
#include <string_view>

#include "avro/column_type.h"
#include "avro/value_kind.h"

namespace bw {

// The union branch and a length: what an encoded string has besides its text, at most.
inline constexpr size_t kFieldOverheadBytesMax = 16;

// How many bytes a field with this text has at most.
size_t EncodedBytesMax(const ColumnType& type, std::string_view text);

// Encodes one non-null value, as the union's second branch, from PostgreSQL's text format
// (settings: datestyle ISO, timezone UTC, extra_float_digits 3). `*cursor` must have room for
// EncodedBytesMax() bytes and is moved past what was written, but only for kOk. kTextBeside only if
// the type does not hold all values. Strings are copied unchanged: the caller checks that they are
// UTF-8.
//
// The hot path: no allocation (but for array elements with backslashes), no exception, no locale.
ValueStatus EncodeTextValue(const ColumnType& type, std::string_view text, char** cursor);

// The same without the union's branch.
ValueStatus EncodeBareValue(const ColumnType& type, std::string_view text, char** cursor);

}  // namespace bw
