#include "commands/run_relay.h"

#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin_server.h"
#include "base/log.h"
#include "capture/conninfo.h"
#include "capture/pq_server.h"
#include "publish/kafka_cluster.h"
#include "registry/http_schema_registry.h"
#include "relay/relay.h"
#include "relay/signals.h"

namespace bw {

Outside RealOutside(const Options& options) {
  Outside outside;
  outside.postgres = MakePqServer;
  outside.kafka = ConnectToKafka;
  outside.registry = [registry = options.registry](const Stop& stop) {
    return std::make_unique<HttpSchemaRegistry>(registry, stop);
  };
  outside.abandon = [](ExitCode exit_code) { _exit(static_cast<int>(exit_code)); };
  return outside;
}

ExitCode RunRelay(const Invocation& invocation) {
  const Options& options = invocation.options;
  StartLogging(options.log);
  const auto events = std::make_shared<EventLog>();
  spdlog::default_logger()->sinks().push_back(events);
  for (const std::string& warning : options.warnings) spdlog::warn("{}", warning);
  umask(077);        // The spool holds row data.
  static Stop stop;  // Signal handlers refer to it until the process ends.
  InstallSignalHandlers(&stop);
  spdlog::info("Bottled Water {}: {} to Kafka at {}, spool {}", BOTTLEDWATER_VERSION,
               RedactedConninfo(options.capture.conninfo), options.publish.brokers,
               options.spool.directory);
  CheckKafkaConfig(options.publish);
  Relay relay(options, RealOutside(options), &stop);
  const AdminServer admin(options.admin, options.spool.directory, &relay, events);
  const std::optional<SessionExit> exit = relay.Run();
  return exit ? exit->exit_code : ExitCode::kOk;
}

}  // namespace bw
