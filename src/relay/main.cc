// bottledwater: relays every change committed in PostgreSQL to Kafka, exactly once.

#include <sys/stat.h>
#include <unistd.h>

#include <iostream>

#include "admin/admin_server.h"
#include "base/log.h"
#include "capture/pq_server.h"
#include "options/command_line.h"
#include "options/redact.h"
#include "publish/kafka_cluster.h"
#include "publish/kafka_config.h"
#include "registry/http_schema_registry.h"
#include "relay/relay.h"
#include "relay/signals.h"

namespace bw {
namespace {

// libpq, librdkafka, libcurl and the machine's clock.
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

ExitCode Main(int argc, const char* const* argv) {
  const CommandLine command = ParseCommandLine(argc, argv, EnvironmentOfProcess());
  if (command.action != CommandLine::Action::kRun) {
    std::cout << command.text;
    if (command.action == CommandLine::Action::kConfigHelp) std::cout << KafkaPropertyHelp();
    return ExitCode::kOk;
  }
  const Options& options = command.options;
  StartLogging({options.log_level});
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

}  // namespace
}  // namespace bw

int main(int argc, char** argv) {
  try {
    return static_cast<int>(bw::Main(argc, argv));
  } catch (const bw::Error& error) {
    std::cerr << bw::ShownText(std::string("bottledwater: ") + error.what()) << '\n';
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    std::cerr << bw::ShownText(std::string("bottledwater: internal error: ") + error.what())
              << '\n';
    return static_cast<int>(bw::ExitCode::kInternal);
  }
}
