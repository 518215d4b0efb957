#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bw {

// The candidate that was probably meant by `typed`: the one with the fewest edits (a letter
// inserted, removed or replaced, or two neighbours swapped), if these are few for its length.
std::optional<std::string_view> NearestName(std::string_view typed,
                                            std::span<const std::string_view> candidates);

// "; did you mean slot?", or nothing. `before` stands before the name ("--").
std::string DidYouMean(std::string_view typed, std::span<const std::string_view> candidates,
                       std::string_view before = "");

// The number of such edits from one to the other.
size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace bw
