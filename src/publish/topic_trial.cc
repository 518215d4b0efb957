#include "publish/topic_trial.h"

#include "publish/topic_name.h"

namespace bw {

TopicSpec CheckpointTopicSpec(const std::string& topic, const PublishOptions& options) {
  const TopicSettings settings = ParseTopicConfig(options.topic_config);
  TopicSpec spec{topic, 1, settings.replication, {}};
  spec.config["cleanup.policy"] = "compact";
  // Small segments: only closed ones are compacted, and every transaction writes a record here.
  spec.config["segment.bytes"] = "16777216";
  spec.config["segment.ms"] = "3600000";
  if (const auto replicas = settings.config.find("min.insync.replicas");
      replicas != settings.config.end()) {
    spec.config.insert(*replicas);
  }
  return spec;
}

std::optional<Error> FindTopicRefusal(KafkaCluster* cluster, const PublishOptions& options,
                                      const std::string& checkpoint_topic) {
  const TopicSettings settings = ParseTopicConfig(options.topic_config);
  // With the prefix, so that ACLs for it apply.
  const std::string made_up =
      TopicOfTable(options.topic_prefix, "public", "bottledwater-check", options.envelope);
  if (auto refusal = cluster->RefusalOf(
          {made_up, settings.partitions, settings.replication, settings.config})) {
    return refusal;
  }
  if (checkpoint_topic.empty()) return std::nullopt;
  return cluster->RefusalOf(CheckpointTopicSpec(checkpoint_topic, options));
}

}  // namespace bw
