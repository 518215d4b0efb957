#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "avro/value_kind.h"

namespace bw {

inline constexpr int64_t kMicrosPerSecond = 1'000'000;
inline constexpr int64_t kMicrosPerMilli = 1'000;
inline constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
inline constexpr int64_t kMillisPerDay = kMicrosPerDay / kMicrosPerMilli;

// A day of the proleptic Gregorian calendar with astronomical years: 0 is 1 BC, -1 is 2 BC.
struct CivilDay {
  int64_t year;
  int month;  // 1 to 12.
  int day;    // 1 to 31.
};

bool IsValidDay(const CivilDay& day);

// Days since 1970-01-01, negative before it. Exact for years within ±10^12.
int64_t DaysSinceEpoch(const CivilDay& day);
CivilDay CivilDayOf(int64_t days_since_epoch);

// --- PostgreSQL's text for dates and times (datestyle ISO) -> Avro's numbers. Pure, no allocation;
// --- `*out` is only written for kOk ------------------------------------------------------------

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

// The same in milliseconds. What is finer is cut off towards the past, as date_trunc() does: order
// stays, and no time becomes that of the next day. PostgreSQL's whole range fits.
ValueStatus ParseTimeMillis(std::string_view text, int32_t* out);
ValueStatus ParseTimestampMillis(std::string_view text, int64_t* out);
ValueStatus ParseTimestamptzMillis(std::string_view text, int64_t* out);

// --- Avro's numbers -> text, appended to `*out`: ISO 8601 for the years 1 to 9999. Beyond, where
// --- readers disagree, years are as PostgreSQL writes and reads them: 10000, or 0044 with " BC" at
// --- the end. Fractions of a second have no trailing zeros. Pure; accepts any number ------------

// "2026-11-21", or "infinity", "-infinity" for PostgreSQL's special dates.
void AppendIsoDate(int32_t days_since_epoch, std::string* out);

// "12:30:00.5", "24:00:00". `micros` must be within a day, 24:00 included.
void AppendIsoTime(int64_t micros, std::string* out);

// "2026-11-21T12:30:00.123456", with a 'Z' at the end if `utc`; the infinities without it.
void AppendIsoTimestamp(int64_t micros_since_epoch, bool utc, std::string* out);
void AppendIsoTimestampMillis(int64_t millis_since_epoch, bool utc, std::string* out);

}  // namespace bw
