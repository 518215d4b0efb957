#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace bw {

// Whether a word is a glob, and not the name of a topic, which has neither '*' nor '?' nor '['.
bool IsTopicGlob(const std::string& word);

// Whether one of the words is the topic's name, or a glob that matches it. A glob leaves out what
// Kafka, registries and relays keep their state in.
bool ChoosesTopic(std::span<const std::string> words, const std::string& topic);

struct TopicChoice {
  // The topics that the words name, sorted, each once.
  std::vector<std::string> topics;
  // A sentence, with a suggestion, for each word that names none.
  std::vector<std::string> missing;
};

// `all` are the topics that there are, with their numbers of partitions. Throws a usage Error for a
// name that no topic can have. Pure.
TopicChoice ChooseTopics(std::span<const std::string> words,
                         const std::map<std::string, int32_t>& all);

}  // namespace bw
