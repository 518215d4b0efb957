#pragma once

#include <string>
#include <string_view>

namespace bw {

// With a-z for A-Z, whatever the locale.
inline std::string InSmallLetters(std::string_view text) {
  std::string small(text);
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return small;
}

}  // namespace bw
