#include "publish/publisher.h"

#include "base/error.h"

namespace bw {

Publisher::Publisher(const PublishOptions& options, const PublishParts& parts,
                     SchemaRegistry* registry, const Stop& stop)
    : options_(options),
      parts_(parts),
      stop_(stop),
      memory_(registry),
      kafka_away_("Kafka (" + options.brokers + ")", parts.troubles) {
  BW_CHECK(registry != nullptr || options.output_format != OutputFormat::kAvro);
}

void Publisher::RunSession(const std::function<void()>& made_progress) {
  if (!WaitUntilReachable()) return kafka_away_.Forget();
  PublishSession session(options_, parts_, &memory_, stop_, &kafka_away_);
  session.Start();
  session.Run(made_progress);
}

bool Publisher::WaitUntilReachable() {
  // A failed request has already waited up to a second for a connection, and librdkafka limits its
  // own reconnects (reconnect.backoff.max.ms), so this pause can be short.
  Backoff backoff({.first = Duration(100), .max = Duration(500)});
  while (!stop_.requested() && !parts_.paused->load()) {
    try {
      parts_.cluster->ClusterId();
      kafka_away_.Back();
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kTransient) throw;
      if (stop_.requested()) break;
      if (error.is_refusal()) {
        kafka_away_.Refuses(error.what(), error.remedy());
      } else {
        kafka_away_.Away(error.what());
      }
    }
    stop_.WaitFor(backoff.Next());
  }
  return false;
}

PublishFigures Publisher::figures() const {
  const std::lock_guard lock(memory_.mutex);
  return memory_.figures;
}

}  // namespace bw
