#include "commands/replay.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <iostream>

#include "base/format.h"
#include "base/log.h"
#include "commands/run_relay.h"
#include "publish/kafka_cluster.h"
#include "registry/http_schema_registry.h"
#include "relay/replay.h"
#include "relay/signals.h"

namespace bw {

void CheckReplay(const Options& options) {
  const SpoolCommandOptions& range = options.command.spool;
  if (!range.from.valid()) {
    throw UsageError(
        "--from-lsn is missing: say from which commit LSN on, e.g. --from-lsn=2/44DAB970; "
        "bottledwater inspect --all shows which there are");
  }
  if (range.to < range.from) throw UsageError("--to-lsn: before --from-lsn");
  if (range.to_topic_prefix.empty()) {
    throw UsageError(
        "--to-topic-prefix is missing: say where to publish, e.g. "
        "--to-topic-prefix=replay1");
  }
  if (range.to_topic_prefix == options.publish.topic_prefix) {
    throw UsageError(
        "--to-topic-prefix: the same as --topic-prefix; a replay needs topics of its own");
  }
  PublishOptions publish = options.publish;
  publish.topic_prefix = range.to_topic_prefix;
  CheckPublishOptions(publish);
  CheckRegistryOptions(options.registry);
  CheckSpoolOptions(options.spool);
}

ExitCode RunReplay(const Invocation& invocation) {
  const Options& options = invocation.options;
  StartLogging(options.log);
  for (const std::string& warning : options.warnings) spdlog::warn("{}", warning);
  umask(077);        // The scratch spool holds row data.
  static Stop stop;  // Signal handlers refer to it until the process ends.
  InstallSignalHandlers(&stop);
  CheckKafkaConfig(options.publish);
  Replay replay(options, RealOutside(options), &stop);
  spdlog::info("Replaying spool {} from {} to topics {}.*; the checkpoint is in topic {}",
               options.spool.directory, options.command.spool.from.ToString(),
               options.command.spool.to_topic_prefix, replay.checkpoint_topic());
  const Replay::Outcome outcome = replay.Run();
  if (outcome.exit) {
    spdlog::critical("{}", outcome.exit->message);
    return outcome.exit->exit_code;
  }
  if (!outcome.complete) {
    throw Error(ErrorKind::kTransient, "stopped before its end; the same command goes on",
                ExitCode::kNoRelay);
  }
  std::cout << fmt::format("published {} changes of {} transactions{}\n",
                           FormatCount(outcome.changes), FormatCount(outcome.transactions),
                           outcome.resumed_after
                               ? "; those up to " + outcome.resumed_after->ToString() +
                                     " were published by an earlier run"
                               : "");
  return ExitCode::kOk;
}

}  // namespace bw
