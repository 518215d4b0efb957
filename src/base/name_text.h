#pragma once

#include <optional>
#include <string>
#include <string_view>

// Names of PostgreSQL as texts of JSON, and back. In an SQL_ASCII database a name is any bytes, and
// JSON holds UTF-8 only; replacing what does not fit would make one name of two.

namespace bw {

// A name in UTF-8 is its own text; any other, and one that begins with "\x", is "\x" and its bytes
// in hexadecimal digits, as PostgreSQL prints bytes.
std::string TextOfName(std::string_view name);

// The name of such a text; nullopt when "\x" is followed by anything but pairs of digits.
std::optional<std::string> NameOfText(std::string_view text);

}  // namespace bw
