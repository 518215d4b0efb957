#include "avro/date_time_text.h"

#include <charconv>

namespace bw {

// --- The calendar ------------------------------------------------------------------------------

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

// --- PostgreSQL's text -> numbers --------------------------------------------------------------

namespace {

// Reads a text from left to right; each step returns whether the text had what it expects.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : p_(text.data()), end_(p_ + text.size()) {}

  bool Take(char c) {
    if (p_ == end_ || *p_ != c) return false;
    ++p_;
    return true;
  }

  // A decimal number with at least `digits_min` and at most `digits_max` digits.
  bool TakeNumber(int digits_min, int digits_max, int64_t* out) {
    int64_t value = 0;
    int digits = 0;
    for (; p_ != end_ && *p_ >= '0' && *p_ <= '9'; ++p_, ++digits) {
      if (digits == digits_max) return false;
      value = value * 10 + (*p_ - '0');
    }
    *out = value;
    return digits >= digits_min;
  }

  bool TakeTwoDigits(int64_t max, int64_t* out) { return TakeNumber(2, 2, out) && *out <= max; }

  // Up to six digits after the point, as microseconds.
  bool TakeFraction(int64_t* micros) {
    const char* const start = p_;
    if (!TakeNumber(1, 6, micros)) return false;
    for (auto digits = p_ - start; digits < 6; ++digits) *micros *= 10;
    return true;
  }

  bool AtEnd() const { return p_ == end_; }

 private:
  const char* p_;
  const char* const end_;
};

// The year as printed; BC comes later in the text.
bool TakeDay(Scanner* scanner, CivilDay* day) {
  int64_t month = 0;
  int64_t day_of_month = 0;
  if (!scanner->TakeNumber(4, 7, &day->year) || !scanner->Take('-') ||
      !scanner->TakeTwoDigits(12, &month) || !scanner->Take('-') ||
      !scanner->TakeTwoDigits(31, &day_of_month)) {
    return false;
  }
  day->month = static_cast<int>(month);
  day->day = static_cast<int>(day_of_month);
  return true;
}

// Takes the era and the end of the text, then checks the day: leap years depend on the era.
bool TakeEraAndEnd(Scanner* scanner, CivilDay* day) {
  if (day->year == 0) return false;
  if (scanner->Take(' ')) {
    if (!scanner->Take('B') || !scanner->Take('C')) return false;
    day->year = 1 - day->year;
  }
  return scanner->AtEnd() && IsValidDay(*day);
}

bool TakeTimeOfDay(Scanner* scanner, int64_t* micros) {
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  int64_t fraction = 0;
  if (!scanner->TakeTwoDigits(24, &hours) || !scanner->Take(':') ||
      !scanner->TakeTwoDigits(59, &minutes) || !scanner->Take(':') ||
      !scanner->TakeTwoDigits(59, &seconds)) {
    return false;
  }
  if (scanner->Take('.') && !scanner->TakeFraction(&fraction)) return false;
  *micros = ((hours * 60 + minutes) * 60 + seconds) * kMicrosPerSecond + fraction;
  return *micros <= kMicrosPerDay;
}

// East of Greenwich is positive. PostgreSQL's offsets are below 16 hours.
bool TakeOffset(Scanner* scanner, int64_t* micros) {
  const bool east = scanner->Take('+');
  if (!east && !scanner->Take('-')) return false;
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  if (!scanner->TakeTwoDigits(15, &hours)) return false;
  if (scanner->Take(':')) {
    if (!scanner->TakeTwoDigits(59, &minutes)) return false;
    if (scanner->Take(':') && !scanner->TakeTwoDigits(59, &seconds)) return false;
  }
  const int64_t magnitude = ((hours * 60 + minutes) * 60 + seconds) * kMicrosPerSecond;
  *micros = east ? magnitude : -magnitude;
  return true;
}

enum class Unit : int64_t { kMicros = 1, kMillis = kMicrosPerMilli };  // In microseconds.

ValueStatus ParseAnyTimestamp(std::string_view text, bool with_offset, Unit unit, int64_t* out) {
  if (text == "infinity") return *out = kTimestampInfinity, ValueStatus::kOk;
  if (text == "-infinity") return *out = kTimestampMinusInfinity, ValueStatus::kOk;
  Scanner scanner(text);
  CivilDay day{};
  int64_t time = 0;
  int64_t offset = 0;
  if (!TakeDay(&scanner, &day) || !scanner.Take(' ') || !TakeTimeOfDay(&scanner, &time) ||
      time == kMicrosPerDay) {
    return ValueStatus::kMalformed;
  }
  if (with_offset && !TakeOffset(&scanner, &offset)) return ValueStatus::kMalformed;
  if (!TakeEraAndEnd(&scanner, &day)) return ValueStatus::kMalformed;

  const auto micros_per_unit = static_cast<int64_t>(unit);
  int64_t number = 0;
  if (__builtin_mul_overflow(DaysSinceEpoch(day), kMicrosPerDay / micros_per_unit, &number) ||
      __builtin_add_overflow(number, FloorDivide(time - offset, micros_per_unit), &number) ||
      number == kTimestampInfinity || number == kTimestampMinusInfinity) {
    return ValueStatus::kOutOfRange;
  }
  *out = number;
  return ValueStatus::kOk;
}

}  // namespace

ValueStatus ParseDate(std::string_view text, int32_t* out) {
  if (text == "infinity") return *out = kDateInfinity, ValueStatus::kOk;
  if (text == "-infinity") return *out = kDateMinusInfinity, ValueStatus::kOk;
  Scanner scanner(text);
  CivilDay day{};
  if (!TakeDay(&scanner, &day) || !TakeEraAndEnd(&scanner, &day)) return ValueStatus::kMalformed;
  const int64_t days = DaysSinceEpoch(day);
  if (days >= kDateInfinity || days <= kDateMinusInfinity) return ValueStatus::kOutOfRange;
  *out = static_cast<int32_t>(days);
  return ValueStatus::kOk;
}

ValueStatus ParseTime(std::string_view text, int64_t* out) {
  Scanner scanner(text);
  int64_t micros = 0;
  if (!TakeTimeOfDay(&scanner, &micros) || !scanner.AtEnd()) return ValueStatus::kMalformed;
  *out = micros;
  return ValueStatus::kOk;
}

ValueStatus ParseTimestamp(std::string_view text, int64_t* out) {
  return ParseAnyTimestamp(text, false, Unit::kMicros, out);
}

ValueStatus ParseTimestamptz(std::string_view text, int64_t* out) {
  return ParseAnyTimestamp(text, true, Unit::kMicros, out);
}

ValueStatus ParseTimeMillis(std::string_view text, int32_t* out) {
  int64_t micros = 0;
  const ValueStatus status = ParseTime(text, &micros);
  if (status == ValueStatus::kOk) *out = static_cast<int32_t>(micros / kMicrosPerMilli);
  return status;
}

ValueStatus ParseTimestampMillis(std::string_view text, int64_t* out) {
  return ParseAnyTimestamp(text, false, Unit::kMillis, out);
}

ValueStatus ParseTimestamptzMillis(std::string_view text, int64_t* out) {
  return ParseAnyTimestamp(text, true, Unit::kMillis, out);
}

// --- Numbers -> text ---------------------------------------------------------------------------

namespace {

void AppendPadded(int64_t number, int width, std::string* out) {
  char digits[20];
  const char* const end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  const auto length = static_cast<int>(end - digits);
  if (length < width) out->append(static_cast<size_t>(width - length), '0');
  out->append(digits, static_cast<size_t>(length));
}

constexpr std::string_view kBeforeChrist = " BC";

// Returns what must follow at the end: years before 1 are counted back from 1 BC.
std::string_view AppendDay(int64_t days_since_epoch, std::string* out) {
  const CivilDay day = CivilDayOf(days_since_epoch);
  const bool is_before_christ = day.year < 1;
  AppendPadded(is_before_christ ? 1 - day.year : day.year, 4, out);
  *out += '-';
  AppendPadded(day.month, 2, out);
  *out += '-';
  AppendPadded(day.day, 2, out);
  return is_before_christ ? kBeforeChrist : "";
}

}  // namespace

void AppendIsoDate(int32_t days_since_epoch, std::string* out) {
  if (days_since_epoch == kDateInfinity) {
    *out += "infinity";
  } else if (days_since_epoch == kDateMinusInfinity) {
    *out += "-infinity";
  } else {
    *out += AppendDay(days_since_epoch, out);
  }
}

void AppendIsoTime(int64_t micros, std::string* out) {
  const int64_t seconds = micros / kMicrosPerSecond;
  const int64_t fraction = micros % kMicrosPerSecond;
  AppendPadded(seconds / 3600, 2, out);
  *out += ':';
  AppendPadded(seconds / 60 % 60, 2, out);
  *out += ':';
  AppendPadded(seconds % 60, 2, out);
  if (fraction == 0) return;
  *out += '.';
  AppendPadded(fraction, 6, out);
  while (out->back() == '0') out->pop_back();
}

namespace {

// `number` counts units of this many microseconds.
void AppendAnyTimestamp(int64_t number, int64_t micros_per_unit, bool utc, std::string* out) {
  if (number == kTimestampInfinity) {
    *out += "infinity";
    return;
  }
  if (number == kTimestampMinusInfinity) {
    *out += "-infinity";
    return;
  }
  const int64_t units_per_day = kMicrosPerDay / micros_per_unit;
  const int64_t days = FloorDivide(number, units_per_day);
  const std::string_view era = AppendDay(days, out);
  *out += 'T';
  AppendIsoTime((number - days * units_per_day) * micros_per_unit, out);
  if (utc) *out += 'Z';
  *out += era;
}

}  // namespace

void AppendIsoTimestamp(int64_t micros_since_epoch, bool utc, std::string* out) {
  AppendAnyTimestamp(micros_since_epoch, 1, utc, out);
}

void AppendIsoTimestampMillis(int64_t millis_since_epoch, bool utc, std::string* out) {
  AppendAnyTimestamp(millis_since_epoch, kMicrosPerMilli, utc, out);
}

}  // namespace bw
