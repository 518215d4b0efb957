#pragma once

#include <string>

namespace bw {

// Whether standard output shows colours: only a terminal does, and none with NO_COLOR
// (https://no-color.org).
bool OutputHasColour();

// `text` in this ANSI colour ("31" is red), if standard output shows it.
std::string Coloured(const std::string& colour, const std::string& text);

}  // namespace bw
