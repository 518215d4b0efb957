#include "avro/calendar.h"

namespace bw {
namespace {

// The calendar repeats every 400 years. Counting years from 1 March puts the leap day at the end
// of a year, so that a month's first day is a linear formula.
constexpr int64_t kDaysPerEra = 146'097;
constexpr int64_t kEpochFromEra = 719'468;  // Days from 0000-03-01 to 1970-01-01.

bool IsLeapYear(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int64_t FloorDivide(int64_t a, int64_t b) { return (a >= 0 ? a : a - (b - 1)) / b; }

}  // namespace

bool IsValidDay(const CivilDay& day) {
  static constexpr int kDaysInMonth[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (day.month < 1 || day.month > 12 || day.day < 1) return false;
  const int leap_day = day.month == 2 && IsLeapYear(day.year) ? 1 : 0;
  return day.day <= kDaysInMonth[day.month - 1] + leap_day;
}

int64_t DaysSinceEpoch(const CivilDay& day) {
  const int64_t year = day.month <= 2 ? day.year - 1 : day.year;
  const int64_t era = FloorDivide(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t month_from_march = day.month > 2 ? day.month - 3 : day.month + 9;
  const int64_t day_of_year = (153 * month_from_march + 2) / 5 + day.day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * kDaysPerEra + day_of_era - kEpochFromEra;
}

CivilDay CivilDayOf(int64_t days_since_epoch) {
  const int64_t days = days_since_epoch + kEpochFromEra;
  const int64_t era = FloorDivide(days, kDaysPerEra);
  const int64_t day_of_era = days - era * kDaysPerEra;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const auto month =
      static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  const auto day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

}  // namespace bw
