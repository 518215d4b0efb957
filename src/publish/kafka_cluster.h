#pragma once

#include <memory>

#include "base/stop.h"
#include "publish/kafka.h"
#include "publish/publish_options.h"

namespace bw {

// A real Kafka cluster, through librdkafka. Makes no connection before the first question. `stop`
// must outlive it. Throws a usage Error for --broker and --kafka-config.
std::unique_ptr<KafkaCluster> ConnectToKafka(const PublishOptions& options, const Stop& stop);

// Throws a usage Error when librdkafka refuses a property, or a combination of them, in any of the
// connections that we make. Does not connect.
void CheckKafkaConfig(const PublishOptions& options);

}  // namespace bw
