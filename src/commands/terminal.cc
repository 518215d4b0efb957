#include "commands/terminal.h"

#include <unistd.h>

#include <cstdlib>

namespace bw {

bool OutputHasColour() {
  const char* const no_colour = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

std::string Coloured(const std::string& colour, const std::string& text) {
  return OutputHasColour() ? "\x1b[" + colour + "m" + text + "\x1b[0m" : text;
}

}  // namespace bw
