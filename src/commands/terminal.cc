#include "commands/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/no_color.h"

namespace bw {

bool OutputIsTerminal() { return isatty(STDOUT_FILENO) == 1; }

bool OutputHasColour() { return OutputIsTerminal() && !NoColorIsSet(); }

std::string Coloured(bool colour, const std::string& style, const std::string& text) {
  return colour ? fmt::format("\x1b[{}m{}\x1b[0m", style, text) : text;
}

}  // namespace bw
