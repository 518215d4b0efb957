#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/stop.h"
#include "capture/postgres_server.h"
#include "options/options.h"
#include "publish/kafka.h"
#include "registry/schema_registry.h"

namespace bw {

// The outside of a relay: servers, time, and the end of its process. Real ones are in
// real_outside.h, the others in tests/simulation. What is made takes the options and the Stop by
// reference.
struct Outside {
  std::function<std::unique_ptr<PostgresServer>(const CaptureOptions&, CaptureFigures*,
                                                const Stop&)>
      postgres;
  std::function<std::unique_ptr<KafkaCluster>(const PublishOptions&, const Stop&)> kafka;
  std::function<std::unique_ptr<SchemaRegistry>(const Stop&)> registry;
  Clock* clock = &Clock::Real();
  // Ends the process at once, as a crash would. Does not return.
  std::function<void(ExitCode)> abandon;
};

}  // namespace bw
