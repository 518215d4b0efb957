#include "avro/interval_text.h"

#include <charconv>
#include <cstring>

#include "avro/date_time_text.h"

namespace bw {
namespace {

__extension__ using Int128 = __int128;

constexpr int64_t kMicrosPerMonth = 2'629'800 * kMicrosPerSecond;  // 365.25 / 12 days.

// --- PostgreSQL's text -> an interval -----------------------------------------------------------

// A number and its letter, "-6.789S", taken from the front of `*text`. A fraction is in millionths.
struct Part {
  int64_t whole = 0;
  int64_t millionths = 0;  // Of the same sign.
  bool has_fraction = false;
  char letter = 0;
};

bool TakePart(std::string_view* text, Part* part) {
  const char* const end = text->data() + text->size();
  const bool is_negative = text->starts_with('-');
  auto [p, error] = std::from_chars(text->data(), end, part->whole);
  if (error != std::errc() || p == end) return false;
  if (*p == '.') {
    part->has_fraction = true;
    int digits = 0;
    for (++p; p != end && *p >= '0' && *p <= '9'; ++p, ++digits) {
      if (digits == 6) return false;
      part->millionths = part->millionths * 10 + (*p - '0');
    }
    if (digits == 0 || p == end) return false;
    for (; digits < 6; ++digits) part->millionths *= 10;
    if (is_negative) part->millionths = -part->millionths;
  }
  part->letter = *p++;
  text->remove_prefix(static_cast<size_t>(p - text->data()));
  return true;
}

struct Sums {
  Int128 months = 0;
  Int128 days = 0;
  Int128 micros = 0;
};

// Only seconds have fractions in what PostgreSQL prints.
bool AddPart(const Part& part, bool is_time, Sums* sums) {
  if (part.has_fraction && (!is_time || part.letter != 'S')) return false;
  const Int128 whole = part.whole;
  if (is_time) {
    int64_t seconds = 0;
    if (part.letter == 'H') seconds = 3600;
    if (part.letter == 'M') seconds = 60;
    if (part.letter == 'S') seconds = 1;
    sums->micros += whole * seconds * kMicrosPerSecond + part.millionths;
    return seconds != 0;
  }
  if (part.letter == 'D') {
    sums->days += whole;
    return true;
  }
  sums->months += part.letter == 'Y' ? whole * 12 : whole;
  return part.letter == 'Y' || part.letter == 'M';
}

template <typename Integer>
bool Narrow(Int128 number, Integer* out) {
  *out = static_cast<Integer>(number);
  return *out == number;
}

}  // namespace

ValueStatus ParseInterval(std::string_view text, Interval* out) {
  if (text == "infinity" || text == "-infinity") return ValueStatus::kOutOfRange;
  if (!text.starts_with('P')) return ValueStatus::kMalformed;
  text.remove_prefix(1);
  if (text.empty()) return ValueStatus::kMalformed;
  Sums sums;
  bool is_time = false;
  while (!text.empty()) {
    if (!is_time && text.front() == 'T') {
      is_time = true;
      text.remove_prefix(1);
    }
    Part part;
    if (!TakePart(&text, &part) || !AddPart(part, is_time, &sums)) return ValueStatus::kMalformed;
  }
  Interval interval;
  if (!Narrow(sums.months, &interval.months) || !Narrow(sums.days, &interval.days) ||
      !Narrow(sums.micros, &interval.micros)) {
    return ValueStatus::kMalformed;
  }
  *out = interval;
  return ValueStatus::kOk;
}

ValueStatus IntervalMicros(const Interval& interval, int64_t* out) {
  const Int128 micros = Int128{interval.months} * kMicrosPerMonth +
                        Int128{interval.days} * kMicrosPerDay + interval.micros;
  int64_t narrow = 0;
  if (!Narrow(micros, &narrow)) return ValueStatus::kOutOfRange;
  *out = narrow;
  return ValueStatus::kOk;
}

// --- An interval -> PostgreSQL's text ------------------------------------------------------------

namespace {

// EncodeInterval() of the server's datetime.c, with intervalstyle postgres.
class Printer {
 public:
  explicit Printer(char* out) : start_(out), p_(out) {}

  size_t size() const { return static_cast<size_t>(p_ - start_); }

  // After a negative number, the next positive one has its sign, too.
  void PrintCount(int64_t count, std::string_view unit) {
    if (count == 0) return;
    if (size() > 0) *p_++ = ' ';
    if (is_before_ && count > 0) *p_++ = '+';
    p_ = std::to_chars(p_, p_ + 20, count).ptr;
    *p_++ = ' ';
    Print(unit);
    if (count != 1) *p_++ = 's';
    is_before_ = count < 0;
  }

  void PrintTime(int64_t micros) {
    if (micros == 0 && size() > 0) return;
    if (size() > 0) *p_++ = ' ';
    if (micros < 0) {
      *p_++ = '-';
    } else if (is_before_) {
      *p_++ = '+';
    }
    // The least number has no positive twin.
    const auto bits = static_cast<uint64_t>(micros);
    const uint64_t all = micros < 0 ? 0 - bits : bits;
    const uint64_t seconds = all / kMicrosPerSecond;
    PrintPadded(seconds / 3600, 2);
    *p_++ = ':';
    PrintPadded(seconds / 60 % 60, 2);
    *p_++ = ':';
    PrintPadded(seconds % 60, 2);
    if (all % kMicrosPerSecond == 0) return;
    *p_++ = '.';
    PrintPadded(all % kMicrosPerSecond, 6);
    while (p_[-1] == '0') --p_;
  }

 private:
  void Print(std::string_view text) {
    std::memcpy(p_, text.data(), text.size());
    p_ += text.size();
  }

  void PrintPadded(uint64_t number, int width) {
    char digits[20];
    const char* const end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
    for (auto length = end - digits; length < width; ++length) *p_++ = '0';
    Print({digits, static_cast<size_t>(end - digits)});
  }

  const char* const start_;
  char* p_;
  bool is_before_ = false;
};

}  // namespace

size_t PrintInterval(const Interval& interval, char* out) {
  Printer printer(out);
  printer.PrintCount(interval.months / 12, "year");
  printer.PrintCount(interval.months % 12, "mon");
  printer.PrintCount(interval.days, "day");
  printer.PrintTime(interval.micros);
  return printer.size();
}

}  // namespace bw
