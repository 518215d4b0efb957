#pragma once

#include <cstdint>
#include <string>

// Avro's numbers for dates and times -> ISO 8601 text, appended to `*out`. Years from 10000 have a
// '+', years before 1 are astronomical (0000 is 1 BC, -0001 is 2 BC), as in java.time. Fractions of
// a second have no trailing zeros. Pure; accepts any number.

namespace bw {

// "2026-11-21", or "infinity", "-infinity" for PostgreSQL's special dates.
void AppendIsoDate(int32_t days_since_epoch, std::string* out);

// "12:30:00.5", "24:00:00". `micros` must be within a day, 24:00 included.
void AppendIsoTime(int64_t micros, std::string* out);

// "2026-11-21T12:30:00.123456", with a 'Z' at the end if `utc`; the infinities without it.
void AppendIsoTimestamp(int64_t micros_since_epoch, bool utc, std::string* out);

}  // namespace bw
