// bottledwater: relays every change committed in PostgreSQL to Kafka, exactly once.

#include <sys/stat.h>

#include <cstdio>
#include <iostream>

#include "base/log.h"
#include "options/command_line.h"
#include "options/redact.h"
#include "publish/kafka_cluster.h"
#include "publish/kafka_config.h"
#include "relay/real_outside.h"
#include "relay/relay.h"
#include "relay/signals.h"

namespace bw {
namespace {

ExitCode Main(int argc, const char* const* argv) {
  const CommandLine command = ParseCommandLine(argc, argv, EnvironmentOfProcess());
  if (command.action != CommandLine::Action::kRun) {
    std::cout << command.text;
    if (command.action == CommandLine::Action::kConfigHelp) std::cout << KafkaPropertyHelp();
    return ExitCode::kOk;
  }
  const Options& options = command.options;
  StartLogging({options.log_level});
  for (const std::string& warning : options.warnings) spdlog::warn("{}", warning);
  umask(077);        // The spool holds row data.
  static Stop stop;  // Signal handlers refer to it until the process ends.
  InstallSignalHandlers(&stop);
  spdlog::info("Bottled Water {}: {} to Kafka at {}, spool {}", BOTTLEDWATER_VERSION,
               RedactedConninfo(options.capture.conninfo), options.publish.brokers,
               options.spool.directory);
  CheckKafkaConfig(options.publish);
  const std::optional<SessionExit> exit = Relay(options, RealOutside(options), &stop).Run();
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
