#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace bw {

// The number that the whole text is, in any form that std::from_chars takes (no '+', no blanks);
// nothing for any other text, or when T cannot hold it. `base` is 10 for integers, if not given.
template <typename T, typename... Base>
std::optional<T> ParseWhole(std::string_view text, Base... base) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base...);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

}  // namespace bw
