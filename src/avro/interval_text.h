#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "avro/value_kind.h"

// PostgreSQL's intervals. Pure, no allocation; `*out` is only written for kOk.

namespace bw {

// As PostgreSQL stores it: three counts, each with its own sign, none of which carries over.
struct Interval {
  int32_t months = 0;
  int32_t days = 0;
  int64_t micros = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};

// PostgreSQL's text with intervalstyle iso_8601, in which our sessions get it: P1Y2M3DT4H5M6.789S,
// P-1M, PT0S. kOutOfRange for the infinities, which PostgreSQL has since 17.
ValueStatus ParseInterval(std::string_view text, Interval* out);

// In microseconds, with days of 24 hours and months of 365.25 / 12 days, as Debezium's
// interval.handling.mode=numeric (io.debezium.time.MicroDuration) counts them. Twelve of them are
// the 365.25 days of a year in PostgreSQL's extract(epoch FROM interval). kOutOfRange beyond 64
// bits, which 292,271 years of either sign are.
ValueStatus IntervalMicros(const Interval& interval, int64_t* out);

// Three numbers with their units and a time, at most.
inline constexpr size_t kIntervalTextMax = 96;

// Writes the text of intervalstyle postgres, the server's default ("1 year 2 mons 3 days
// 04:05:06.789", "-1 mons", "00:00:00"), to `out`, which has room for kIntervalTextMax bytes, and
// returns its length.
size_t PrintInterval(const Interval& interval, char* out);

}  // namespace bw
