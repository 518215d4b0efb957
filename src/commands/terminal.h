#pragma once

#include <string>

namespace bw {

bool OutputIsTerminal();

// Whether standard output shows colours: only a terminal does, and none with NO_COLOR.
bool OutputHasColour();

// `text` in this ANSI style ("31" is red, "1" bold), or unchanged without `colour`.
std::string Coloured(bool colour, const std::string& style, const std::string& text);

}  // namespace bw
