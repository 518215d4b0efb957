#include "capture/copy_text.h"

#include <fmt/format.h>

#include <cstring>

#include "base/halt.h"
#include "base/hex_digit.h"

namespace bw {
namespace {

[[noreturn]] void Refuse(const std::string& problem) {
  throw UnexpectedHalt("malformed COPY row: " + problem);
}

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

// Reads "\123" or "\x4f" after the backslash, for up to `digits_max` digits of the base.
char* NumberEscape(char* in, const char* end, int base, int digits_max, char* out) {
  int number = 0;
  for (int i = 0; i < digits_max && in < end; ++i) {
    const int digit = HexDigit(*in);
    if (digit < 0 || digit >= base) break;
    number = number * base + digit;
    ++in;
  }
  *out = static_cast<char>(number & 0xFF);
  return in;
}

// Reads one escape, after its backslash, into `*out`; returns the place after it. The server writes
// only the single letters and the doubled backslash; COPY FROM would accept the others as well.
char* Escape(char* in, const char* end, char* out) {
  if (in == end) Refuse("it ends with a backslash");
  if (IsOctal(*in)) return NumberEscape(in, end, 8, 3, out);
  if (*in == 'x' && in + 1 < end && HexDigit(in[1]) >= 0) {
    return NumberEscape(in + 1, end, 16, 2, out);
  }
  switch (*in) {
    case 'b':
      *out = '\b';
      break;
    case 'f':
      *out = '\f';
      break;
    case 'n':
      *out = '\n';
      break;
    case 'r':
      *out = '\r';
      break;
    case 't':
      *out = '\t';
      break;
    case 'v':
      *out = '\v';
      break;
    default:
      *out = *in;
  }
  return in + 1;
}

// Undoes the escapes of one field in place.
TextValue Unescape(char* begin, char* end) {
  const size_t length = static_cast<size_t>(end - begin);
  auto* in = static_cast<char*>(memchr(begin, '\\', length));
  if (in == nullptr) return TextValue::Text({begin, length});
  if (length == 2 && begin[0] == '\\' && begin[1] == 'N') return TextValue::Null();
  char* out = in;
  while (in < end) {
    if (*in == '\\') {
      in = Escape(in + 1, end, out++);
    } else {
      *out++ = *in++;
    }
  }
  return TextValue::Text({begin, static_cast<size_t>(out - begin)});
}

}  // namespace

void ParseCopyRow(std::span<char> row, size_t column_count, std::vector<TextValue>* values) {
  values->clear();
  if (!row.empty() && row.back() == '\n') row = row.first(row.size() - 1);
  // A table without columns has empty rows; splitting would find one empty column.
  if (column_count == 0 && row.empty()) return;

  char* begin = row.data();
  char* const end = begin + row.size();
  while (true) {
    // A tab inside a value is escaped as "\t", so every tab byte is a delimiter.
    auto* tab = begin == end
                    ? nullptr
                    : static_cast<char*>(memchr(begin, '\t', static_cast<size_t>(end - begin)));
    if (values->size() == column_count) {
      Refuse(fmt::format("more than the table's {} columns", column_count));
    }
    values->push_back(Unescape(begin, tab == nullptr ? end : tab));
    if (tab == nullptr) break;
    begin = tab + 1;
  }
  if (values->size() != column_count) {
    Refuse(fmt::format("{} columns, the table has {}", values->size(), column_count));
  }
}

}  // namespace bw
