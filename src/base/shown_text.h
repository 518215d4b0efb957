#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// Text for a terminal or a log, in which text from outside (table names, server messages, options)
// must neither forge a line nor control the terminal.
//
// Callers need not escape anything: everything that we log or print goes through ShownText() in one
// place (base/log.cc; main.cc for output without the logger), which removes control characters. Use
// OwnLine() for an intended line break; a '\n' in a message, wherever it comes from, becomes a
// blank.

namespace bw {

// The first character of `text`, if it must not be shown as it is: a control character (C0, DEL, or
// C1, which terminals obey too), a line separator, an invisible character, one that changes the
// direction of the text, or a byte that is not UTF-8, which has no code point.
struct HiddenCharacter {
  size_t bytes = 1;
  std::optional<char32_t> code_point;
};
std::optional<HiddenCharacter> HiddenAt(std::string_view text);

// A line of its own within a message, for SQL or a command to copy: append it to the message. Only
// this function can make ShownText() begin a new line: its mark is random.
std::string OwnLine(std::string_view text);

// The text without line breaks, and with hidden characters as \xNN. Idempotent.
std::string Printable(std::string_view text);

// What is finally written: Printable(), with each OwnLine() on an indented line.
std::string ShownText(std::string_view message);

}  // namespace bw
