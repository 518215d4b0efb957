#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "base/stop.h"
#include "publish/publish_options.h"
#include "publish/publisher.h"
#include "registry/http_schema_registry.h"
#include "registry/schema_registry.h"
#include "relay/reconcile.h"
#include "relay/session_loop.h"
#include "spool/spool.h"

namespace bw {

// The publish thread with everything that is its own: connections, publisher, session loop. From
// construction to destruction it publishes what the spool gets; a spool whose content is about to
// be replaced has none of these beside it.
class PublishSide {
 public:
  struct Config {
    PublishOptions options;
    HttpSchemaRegistryOptions registry;
    Overrides overrides;
    RelayPlaces places;
    // Called on the publish thread when publishing must end the process.
    std::function<void(const SessionExit& exit)> on_exit;
  };

  // The spool is in phase kStreaming, and outlives this.
  PublishSide(const Config& config, Spool* spool);
  // Ends what is open, and waits for the thread.
  ~PublishSide();
  PublishSide(const PublishSide&) = delete;
  PublishSide& operator=(const PublishSide&) = delete;

  // Thread-safe, both.
  void RequestStop() { stop_.Request(); }
  PublishFigures figures() const { return publisher_.figures(); }

 private:
  void Run(const std::function<void(const SessionExit&)>& on_exit);

  Stop stop_;
  const std::unique_ptr<KafkaCluster> cluster_;
  const std::unique_ptr<SchemaRegistry> registry_;  // None unless the output is Avro.
  Publisher publisher_;
  std::thread thread_;
};

}  // namespace bw
