#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "avro/value_kind.h"

// Debezium's texts and numbers for times. Pure.

namespace bw::debezium {

// A timestamptz as ISO 8601 in UTC, with exactly `digits` digits of the fraction, as Java prints
// it: years of four digits, beyond 9999 with a '+', before year 0 with a '-' (astronomical: -0043
// is 44 BC); or "infinity", "-infinity".
ValueStatus ZonedTimestamp(std::string_view text, int digits, std::string* out);

// A timetz in UTC: "10:34:56.789Z", without zeros at the end of the fraction. kOutOfRange for
// 24:00, which is no time there.
ValueStatus ZonedTime(std::string_view text, std::string* out);

// An interval (intervalstyle iso_8601: P1Y2M3DT4H5M6.789S) in microseconds, with months of 365.25 /
// 12 days; at the ends of 64 bits if it is beyond them. Nothing for a malformed one.
std::optional<int64_t> IntervalMicros(std::string_view text);

}  // namespace bw::debezium
