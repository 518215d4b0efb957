#pragma once

#include <string>

#include "base/stop.h"
#include "publish/publish_options.h"

namespace bw {

// Deletes a topic with all that is in it; one that does not exist (any more) is fine. For `remove`:
// a relay that runs never deletes one. Throws as KafkaCluster does; a transient Error also when the
// brokers refuse it, for want of a right or by delete.topic.enable.
void DeleteTopic(const PublishOptions& options, const std::string& topic, const Stop& stop);

}  // namespace bw
