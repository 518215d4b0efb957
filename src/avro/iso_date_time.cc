#include "avro/iso_date_time.h"

#include <charconv>

#include "avro/calendar.h"
#include "avro/value_kind.h"

namespace bw {
namespace {

void AppendPadded(int64_t number, int width, std::string* out) {
  char digits[20];
  const char* const end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  const auto length = static_cast<int>(end - digits);
  if (length < width) out->append(static_cast<size_t>(width - length), '0');
  out->append(digits, static_cast<size_t>(length));
}

void AppendDay(int64_t days_since_epoch, std::string* out) {
  const CivilDay day = CivilDayOf(days_since_epoch);
  if (day.year < 0) *out += '-';
  if (day.year > 9999) *out += '+';
  AppendPadded(day.year < 0 ? -day.year : day.year, 4, out);
  *out += '-';
  AppendPadded(day.month, 2, out);
  *out += '-';
  AppendPadded(day.day, 2, out);
}

}  // namespace

void AppendIsoDate(int32_t days_since_epoch, std::string* out) {
  if (days_since_epoch == kDateInfinity) {
    *out += "infinity";
  } else if (days_since_epoch == kDateMinusInfinity) {
    *out += "-infinity";
  } else {
    AppendDay(days_since_epoch, out);
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

void AppendIsoTimestamp(int64_t micros_since_epoch, bool utc, std::string* out) {
  if (micros_since_epoch == kTimestampInfinity) {
    *out += "infinity";
    return;
  }
  if (micros_since_epoch == kTimestampMinusInfinity) {
    *out += "-infinity";
    return;
  }
  int64_t days = micros_since_epoch / kMicrosPerDay;
  int64_t time = micros_since_epoch % kMicrosPerDay;
  if (time < 0) {
    time += kMicrosPerDay;
    --days;
  }
  AppendDay(days, out);
  *out += 'T';
  AppendIsoTime(time, out);
  if (utc) *out += 'Z';
}

}  // namespace bw
