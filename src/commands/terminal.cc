#include "commands/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/no_color.h"

namespace bw {

bool OutputHasColour() { return isatty(STDOUT_FILENO) == 1 && !NoColorIsSet(); }

std::string Coloured(bool colour, const std::string& style, const std::string& text) {
  return colour ? fmt::format("\x1b[{}m{}\x1b[0m", style, text) : text;
}

}  // namespace bw
