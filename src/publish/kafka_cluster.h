#pragma once

#include <memory>

#include "base/stop.h"
#include "publish/kafka.h"
#include "publish/publish_options.h"

namespace bw {

// A real Kafka cluster, through librdkafka. Does not connect before the first request. `stop` must
// outlive it. Throws a usage Error for --broker and --kafka-config.
std::unique_ptr<KafkaCluster> ConnectToKafka(const PublishOptions& options, const Stop& stop);

// Throws a usage Error when librdkafka refuses a property, or a combination of properties, for any
// kind of connection that we make. Does not connect.
void CheckKafkaConfig(const PublishOptions& options);

}  // namespace bw
