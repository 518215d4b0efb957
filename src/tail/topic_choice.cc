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

bool ChoosesTopic(std::span<const std::string> words, const std::string& topic) {
  return std::ranges::any_of(words, [&](const std::string& word) {
    if (!IsTopicGlob(word)) return word == topic;
    return !IsReservedTopic(topic) && fnmatch(word.c_str(), topic.c_str(), 0) == 0;
  });
}

TopicChoice ChooseTopics(std::span<const std::string> words,
                         const std::map<std::string, int32_t>& all) {
  TopicChoice choice;
  std::set<std::string> chosen;
  for (const std::string& word : words) {
    if (!IsTopicGlob(word) && (!IsLegalTopicText(word) || word.size() > kTopicNameBytesMax)) {
      throw UsageError(
          fmt::format("tail: {} is not the name of a topic, which has letters, digits, "
                      "'.', '_' and '-' only, {} at most",
                      Printable(word), kTopicNameBytesMax));
    }
    bool is_missing = true;
    for (const auto& [name, partitions] : all) {
      if (!ChoosesTopic(std::span(&word, 1), name)) continue;
      chosen.insert(name);
      is_missing = false;
    }
    if (!is_missing) continue;
    choice.missing.push_back(
        IsTopicGlob(word)
            ? fmt::format("no topic matches {}", Printable(word))
            : fmt::format("there is no topic {}{}", Printable(word), Suggestion(word, all)));
  }
  choice.topics.assign(chosen.begin(), chosen.end());
  return choice;
}

}  // namespace bw
