#include "base/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace bw {

// Optimal string alignment; keeps the last three rows of the table.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({replaced, previous[j] + 1, current[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
    before.swap(previous);
    previous.swap(current);
  }
  return previous[b.size()];
}

std::optional<std::string_view> NearestName(std::string_view typed,
                                            std::span<const std::string_view> candidates) {
  // Longer than any option: not a typo.
  if (typed.empty() || typed.size() > 100) return std::nullopt;
  std::optional<std::string_view> nearest;
  size_t nearest_distance = std::max<size_t>(1, typed.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    size_t distance = EditDistance(typed, candidate);
    // An abbreviated name also counts as close, e.g. "schema-registry-pass".
    if (typed.size() >= 4 && candidate.starts_with(typed)) distance = std::min<size_t>(distance, 1);
    if (distance < nearest_distance) {
      nearest = candidate;
      nearest_distance = distance;
    }
  }
  return nearest;
}

std::string DidYouMean(std::string_view typed, std::span<const std::string_view> candidates,
                       std::string_view before) {
  const auto nearest = NearestName(typed, candidates);
  return nearest ? fmt::format("; did you mean {}{}?", before, *nearest) : "";
}

}  // namespace bw
