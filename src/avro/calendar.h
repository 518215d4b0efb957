#pragma once

#include <cstdint>

namespace bw {

inline constexpr int64_t kMicrosPerSecond = 1'000'000;
inline constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

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

}  // namespace bw
