#include "debezium/time_text.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "avro/date_time_text.h"
#include "avro/interval_text.h"

namespace bw::debezium {
namespace {

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
  Interval interval;
  if (ParseInterval(text, &interval) != ValueStatus::kOk) return std::nullopt;
  int64_t micros = 0;
  if (bw::IntervalMicros(interval, &micros) == ValueStatus::kOk) return micros;
  using Limits = std::numeric_limits<int64_t>;
  return interval.months < 0 ? Limits::min() : Limits::max();  // The months alone go that far.
}

}  // namespace bw::debezium
