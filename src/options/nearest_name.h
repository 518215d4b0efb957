#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace bw {

// The candidate that `typed` was probably meant to be: the one with the least edits (a letter
// inserted, removed, replaced, or two neighbours swapped), if they are few for the word's length.
std::optional<std::string_view> NearestName(std::string_view typed,
                                            std::span<const std::string_view> candidates);

// How many such edits lead from one to the other.
size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace bw
