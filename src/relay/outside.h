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

// What a relay needs from outside: servers, time, and ending the process. main.cc has the real
// ones, tests/simulation the simulated ones. The created objects keep references to the options and
// the Stop.
struct Outside {
  std::function<std::unique_ptr<PostgresServer>(const CaptureOptions&, CaptureFigures*,
                                                const Stop&)>
      postgres;
  std::function<std::unique_ptr<KafkaCluster>(const PublishOptions&, const Stop&)> kafka;
  std::function<std::unique_ptr<SchemaRegistry>(const Stop&)> registry;
  Clock* clock = &Clock::Real();
  // Ends the process at once, like a crash. Does not return.
  std::function<void(ExitCode)> abandon;
};

}  // namespace bw
