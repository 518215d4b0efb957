#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "avro/value_kind.h"

// PostgreSQL's numeric text and Avro's decimal (specification, "Logical Types"): the number without
// its point, in two's complement, big-endian, in as few bytes as possible. Pure.

namespace bw {

// The most digits of a declared numeric: numeric(1000,-1000).
inline constexpr int32_t kDecimalDigitsMax = 2000;
// That many digits take no more bytes.
inline constexpr size_t kDecimalBytesMax = 832;

// -123.4500, NaN, Infinity, -Infinity; numeric is never printed with an exponent.
bool IsNumericText(std::string_view text);

// Writes the length and the bytes of a decimal with this precision (at most kDecimalDigitsMax) and
// scale. kTextBeside for NaN, the infinities, and a number with more digits than fit on either side
// of the point; kMalformed when it is no numeric text. `*cursor` needs room for text.size() +
// scale / 2 + 4 bytes; it is moved only for kOk. No allocation.
ValueStatus EncodeDecimal(std::string_view text, int32_t precision, int32_t scale, char** cursor);

// The number as PostgreSQL prints it, with `scale` digits after the point: "-12.50". `bytes` are 1
// to kDecimalBytesMax.
void AppendDecimalText(std::string_view bytes, int32_t scale, std::string* out);

}  // namespace bw
