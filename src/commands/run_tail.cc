#include "commands/run_tail.h"

#include <unistd.h>

#include "base/log.h"
#include "publish/kafka_config.h"
#include "relay/signals.h"
#include "tail/tail.h"

namespace bw {

void CheckTail(const Options& options) {
  CheckBrokers(options.publish.brokers);
  CheckRegistryOptions(options.registry);
  CheckTailOptions(options.tail);
}

ExitCode RunTail(const Invocation& invocation) {
  const Options& options = invocation.options;
  StartLogging(options.log);
  for (const std::string& warning : options.warnings) spdlog::warn("{}", warning);
  static Stop stop;  // Signal handlers refer to it until the process ends.
  InstallSignalHandlers(&stop);
  Tail tail(options.tail,
            {.kafka = options.publish,
             .registry = options.registry,
             .conninfo = options.capture.conninfo},
            STDOUT_FILENO, stop);
  tail.Run();
  return ExitCode::kOk;
}

}  // namespace bw
