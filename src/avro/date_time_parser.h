#pragma once

#include <cstdint>
#include <string_view>

#include "avro/value_status.h"

// PostgreSQL's text for dates and times (datestyle ISO) -> numbers. Pure, no allocation; `*out` is
// only written for kOk.

namespace bw {

// "2026-11-21", "0044-03-15 BC", "5874897-12-31", "infinity" -> days since 1970-01-01.
ValueStatus ParseDate(std::string_view text, int32_t* out);

// "12:30:00.5", "24:00:00" -> microseconds since midnight.
ValueStatus ParseTime(std::string_view text, int64_t* out);

// "2026-11-21 12:30:00.123456", with " BC" at the end before year 1 -> microseconds since
// 1970-01-01 00:00, without a zone. The end of PostgreSQL's range (from 294247-01-10) does not fit:
// PostgreSQL counts from 2000.
ValueStatus ParseTimestamp(std::string_view text, int64_t* out);

// The same with an offset, "+00", "-05:30" or "+00:19:32" -> microseconds since 1970-01-01 UTC.
ValueStatus ParseTimestamptz(std::string_view text, int64_t* out);

}  // namespace bw
