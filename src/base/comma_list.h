#pragma once

#include <string_view>

namespace bw {

// Calls `take` with each part of a text between commas, also with empty ones.
template <class Take>
void ForEachBetweenCommas(std::string_view text, const Take& take) {
  while (true) {
    const size_t comma = text.find(',');
    take(text.substr(0, comma));
    if (comma == std::string_view::npos) return;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace bw
