#pragma once

#include <cstddef>
#include <string_view>

#include "avro/value_kind.h"

namespace bw {

// An encoded field is at most this much longer than its text: the union branch and a varint.
inline constexpr size_t kFieldOverheadBytesMax = 16;

// Encodes one non-null value, as the union's second branch, from PostgreSQL's text format
// (settings: datestyle ISO, timezone UTC, extra_float_digits 3). `*cursor` must have room for
// text.size() + kFieldOverheadBytesMax bytes and is moved past what was written, but only for kOk.
// Strings are copied unchanged: the caller checks that they are UTF-8.
//
// The hot path: no allocation, no exception, no locale.
ValueStatus EncodeTextValue(ValueKind kind, std::string_view text, char** cursor);

}  // namespace bw
