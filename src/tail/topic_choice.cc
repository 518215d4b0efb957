#include "tail/topic_choice.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/nearest_name.h"
#include "base/shown_text.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

// "orders" is also a hint at "shop.orders", which has the relay's prefix.
std::string Suggestion(const std::string& word, const std::map<std::string, int32_t>& all) {
  std::vector<std::string_view> names;
  for (const auto& [name, partitions] : all) {
    if (!IsReservedTopic(name)) names.push_back(name);
  }
  for (const std::string_view name : names) {
    if (name.ends_with("." + word)) return fmt::format("; did you mean {}?", name);
  }
  const std::string suggestion = DidYouMean(word, names);
  if (!suggestion.empty()) return suggestion;
  return fmt::format("; there are {} others (globs find them: '*')", names.size());
}

}  // namespace

bool IsTopicGlob(const std::string& word) { return word.find_first_of("*?[") != std::string::npos; }

bool MatchesAnyGlob(std::span<const std::string> words, const std::string& topic) {
  if (IsReservedTopic(topic)) return false;
  return std::ranges::any_of(words, [&](const std::string& word) {
    return IsTopicGlob(word) && fnmatch(word.c_str(), topic.c_str(), 0) == 0;
  });
}

std::vector<std::string> ChooseTopics(std::span<const std::string> words,
                                      const std::map<std::string, int32_t>& all) {
  std::set<std::string> chosen;
  for (const std::string& word : words) {
    const size_t before = chosen.size();
    for (const auto& [name, partitions] : all) {
      if (name == word || MatchesAnyGlob(std::span(&word, 1), name)) chosen.insert(name);
    }
    if (chosen.size() > before || all.contains(word)) continue;
    if (!IsTopicGlob(word)) {
      throw UsageError(
          fmt::format("tail: there is no topic {}{}", Printable(word), Suggestion(word, all)));
    }
    const bool matches = std::ranges::any_of(
        chosen, [&](const std::string& name) { return MatchesAnyGlob(std::span(&word, 1), name); });
    if (!matches) throw UsageError(fmt::format("tail: no topic matches {}", Printable(word)));
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace bw
