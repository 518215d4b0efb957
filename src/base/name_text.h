#pragma once

#include <optional>
#include <string>
#include <string_view>

// PostgreSQL's names as JSON strings, and back. In an SQL_ASCII database a name may be any bytes,
// but JSON holds only UTF-8; replacing the invalid bytes could make two names equal.

namespace bw {

// A name in UTF-8 stays as it is. Any other, and any that begins with "\x", becomes "\x" followed
// by its bytes in hexadecimal, as PostgreSQL prints bytea.
std::string TextOfName(std::string_view name);

// The name of such a text; nullopt when "\x" is followed by anything but pairs of digits.
std::optional<std::string> NameOfText(std::string_view text);

}  // namespace bw
