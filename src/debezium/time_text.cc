#include "debezium/time_text.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "avro/date_time_text.h"

namespace bw::debezium {
namespace {

constexpr int64_t kSecondsPerDay = 86'400;
constexpr int64_t kSecondsPerMonth = 2'629'800;  // 365.25 / 12 days.
__extension__ using Int128 = __int128;

void AppendTimeOfDay(int64_t micros, std::string* out) {
  const int64_t seconds = micros / kMicrosPerSecond;
  *out += fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

void AppendYear(int64_t year, std::string* out) {
  if (year < 0) {
    *out += fmt::format("-{:04}", -year);
  } else {
    *out += fmt::format("{}{:04}", year > 9999 ? "+" : "", year);
  }
}

// "+02", "-05:30", "+00:19:32" in seconds.
std::optional<int64_t> OffsetSeconds(std::string_view text) {
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const bool is_west = text.front() == '-';
  text.remove_prefix(1);
  int64_t seconds = 0;
  int64_t unit = 3600;
  for (; !text.empty(); unit /= 60) {
    int part = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
    if (error != std::errc() || unit == 0) return std::nullopt;
    seconds += part * unit;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.starts_with(':')) text.remove_prefix(1);
  }
  return is_west ? -seconds : seconds;
}

// "-6.789" in millionths.
std::optional<int64_t> Millionths(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  int64_t value = 0;
  int decimals = -1;
  for (const char c : text) {
    if (c == '.' && decimals < 0) {
      decimals = 0;
    } else if (c < '0' || c > '9' || decimals == 6) {
      return std::nullopt;
    } else {
      value = value * 10 + (c - '0');
      if (decimals >= 0) ++decimals;
    }
  }
  if (text.empty()) return std::nullopt;
  for (int i = decimals < 0 ? 0 : decimals; i < 6; ++i) value *= 10;
  return is_negative ? -value : value;
}

// Of a unit's letter; 0 for an unknown one.
int64_t SecondsOf(char unit, bool is_time) {
  switch (unit) {
    case 'Y':
      return 12 * kSecondsPerMonth;
    case 'M':
      return is_time ? 60 : kSecondsPerMonth;
    case 'D':
      return kSecondsPerDay;
    case 'H':
      return 3600;
    case 'S':
      return 1;
    default:
      return 0;
  }
}

}  // namespace

ValueStatus ZonedTimestamp(std::string_view text, int digits, std::string* out) {
  int64_t micros = 0;
  const ValueStatus status = ParseTimestamptz(text, &micros);
  if (status != ValueStatus::kOk) return status;
  if (micros == kTimestampInfinity || micros == kTimestampMinusInfinity) {
    *out += micros > 0 ? "infinity" : "-infinity";
    return ValueStatus::kOk;
  }
  int64_t days = micros / kMicrosPerDay;
  int64_t of_day = micros % kMicrosPerDay;
  if (of_day < 0) {
    --days;
    of_day += kMicrosPerDay;
  }
  const CivilDay day = CivilDayOf(days);
  AppendYear(day.year, out);
  *out += fmt::format("-{:02}-{:02}T", day.month, day.day);
  AppendTimeOfDay(of_day, out);
  if (digits > 0) {
    const std::string fraction = fmt::format("{:06}", of_day % kMicrosPerSecond);
    *out += '.';
    out->append(fraction, 0, static_cast<size_t>(digits));
  }
  *out += 'Z';
  return ValueStatus::kOk;
}

ValueStatus ZonedTime(std::string_view text, std::string* out) {
  const size_t sign = text.find_first_of("+-");
  if (sign == text.npos) return ValueStatus::kMalformed;
  int64_t micros = 0;
  const ValueStatus status = ParseTime(text.substr(0, sign), &micros);
  if (status != ValueStatus::kOk) return status;
  if (micros == kMicrosPerDay) return ValueStatus::kOutOfRange;
  const std::optional<int64_t> offset = OffsetSeconds(text.substr(sign));
  if (!offset) return ValueStatus::kMalformed;
  micros = (micros - *offset * kMicrosPerSecond) % kMicrosPerDay;
  if (micros < 0) micros += kMicrosPerDay;
  AppendTimeOfDay(micros, out);
  if (const int64_t fraction = micros % kMicrosPerSecond; fraction != 0) {
    std::string text_of = fmt::format(".{:06}", fraction);
    while (text_of.back() == '0') text_of.pop_back();
    *out += text_of;
  }
  *out += 'Z';
  return ValueStatus::kOk;
}

std::optional<int64_t> IntervalMicros(std::string_view text) {
  if (!text.starts_with('P')) return std::nullopt;
  text.remove_prefix(1);
  Int128 micros = 0;
  bool is_time = false;
  while (!text.empty()) {
    if (text.front() == 'T') {
      is_time = true;
      text.remove_prefix(1);
      continue;
    }
    const size_t letter = text.find_first_not_of("0123456789.-");
    if (letter == text.npos) return std::nullopt;
    const std::optional<int64_t> count = Millionths(text.substr(0, letter));
    const int64_t seconds = SecondsOf(text[letter], is_time);
    if (!count || seconds == 0) return std::nullopt;
    micros += Int128{*count} * seconds;
    text.remove_prefix(letter + 1);
  }
  using Limits = std::numeric_limits<int64_t>;
  if (micros > Limits::max()) return Limits::max();
  if (micros < Limits::min()) return Limits::min();
  return static_cast<int64_t>(micros);
}

}  // namespace bw::debezium
