#pragma once

#include <cstdlib>

namespace bw {

// Whether the environment asks for output without colours: https://no-color.org.
inline bool NoColorIsSet() {
  const char* const value = std::getenv("NO_COLOR");
  return value != nullptr && *value != '\0';
}

}  // namespace bw
