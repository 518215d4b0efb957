#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// Text for people: on a terminal or in a log, where what came from outside (names of tables, what
// servers say, options) must neither forge a line nor command the terminal.
//
// Nobody has to think of it: everything that we log or print goes through ShownText() in one place
// (base/log.cc; main.cc for what is said without a log), which takes every control away. A line
// break of our own is made with OwnLine(); a '\n' in a message, whosever it is, becomes a blank.

namespace bw {

// The character at the begin of `text`, if it must not be shown as it is: a control (C0, DEL, C1,
// which terminals obey too), a line separator, one that is invisible or turns the direction of what
// follows, or a byte that is not UTF-8, and then it has no code point.
struct HiddenCharacter {
  size_t bytes = 1;
  std::optional<char32_t> code_point;
};
std::optional<HiddenCharacter> HiddenAt(std::string_view text);

// A line of its own within a message, for SQL or a command to be copied: append it to the message.
// Nothing but this function makes what ShownText() shows as a new line: its mark is random.
std::string OwnLine(std::string_view text);

// The text without line breaks and with what is hidden as \xNN. Once more changes nothing.
std::string Printable(std::string_view text);

// What is written: Printable(), and each OwnLine() on a line, indented.
std::string ShownText(std::string_view message);

}  // namespace bw
