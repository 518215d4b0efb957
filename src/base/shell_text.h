#pragma once

#include <string>
#include <string_view>

namespace bw {

// The text as one word for a POSIX shell: '...', and with hidden characters $'...'.
std::string ShellQuoted(std::string_view text);

}  // namespace bw
