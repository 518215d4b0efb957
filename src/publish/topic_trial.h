#pragma once

#include <optional>
#include <string>

#include "publish/kafka.h"
#include "publish/publish_options.h"

namespace bw {

// How the checkpoint topic is created.
TopicSpec CheckpointTopicSpec(const std::string& topic, const PublishOptions& options);

// Why the brokers would refuse to create topics with --topic-config, asked without creating any: as
// KafkaCluster::RefusalOf, for a table's topic of a made-up name and for the checkpoint topic,
// whose name may be empty when it is not known. Throws as that does.
std::optional<Error> FindTopicRefusal(KafkaCluster* cluster, const PublishOptions& options,
                                      const std::string& checkpoint_topic);

}  // namespace bw
