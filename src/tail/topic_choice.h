#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace bw {

// Whether a word is a glob, and not the name of a topic, which has neither '*' nor '?' nor '['.
bool IsTopicGlob(const std::string& word);

// Whether one of the words is a glob that matches the topic. A glob leaves out what Kafka,
// registries and relays keep their state in.
bool MatchesAnyGlob(std::span<const std::string> words, const std::string& topic);

// The topics that the words name, sorted, each once. `all` are those that there are, with their
// numbers of partitions. Throws a usage Error, with a suggestion, for a name that is none, and for
// a glob that matches nothing. Pure.
std::vector<std::string> ChooseTopics(std::span<const std::string> words,
                                      const std::map<std::string, int32_t>& all);

}  // namespace bw
