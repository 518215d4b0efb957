#include "relay/publish_side.h"

#include "base/thread_name.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

std::unique_ptr<SchemaRegistry> RegistryFor(const PublishSide::Parts& parts, const Stop& stop) {
  if (parts.options->publish.output_format != OutputFormat::kAvro) return nullptr;
  return parts.outside->registry(stop);
}

RelayPlaces PlacesOf(const PublishSide::Parts& parts) {
  const Options& options = *parts.options;
  return {options.spool.directory,
          CheckpointTopic(options.publish.topic_prefix, parts.spool->ledger().state().source)};
}

}  // namespace

PublishSide::PublishSide(const Parts& parts)
    : parts_(parts),
      stop_(*parts.outside->clock),
      cluster_(parts.outside->kafka(parts.options->publish, stop_)),
      registry_(RegistryFor(parts, stop_)),
      publisher_(parts.options->publish,
                 {{cluster_.get(), parts.spool, parts.outside->clock, &parts.health->troubles},
                  parts.paused,
                  parts.options->overrides,
                  PlacesOf(parts)},
                 registry_.get(), stop_),
      thread_(parts.outside->clock->Start([this] { Run(); })) {}

PublishSide::~PublishSide() {
  RequestStop();
  thread_.reset();
}

void PublishSide::Run() {
  NameThisThread("publish");
  SessionLoop loop({.server = "Kafka",
                    .wait = [this](Duration duration) { return stop_.WaitFor(duration); },
                    .clock = parts_.outside->clock,
                    .backoff = Backoff(Backoff::WhileAway()),
                    .health = parts_.health});
  const auto exit = loop.Run(
      [this](const std::function<void()>& made_progress) { publisher_.RunSession(made_progress); });
  if (exit) parts_.on_exit(*exit);
}

}  // namespace bw
