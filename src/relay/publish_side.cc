#include "relay/publish_side.h"

#include "publish/kafka_cluster.h"
#include "relay/checkpoint_facts.h"

namespace bw {
namespace {

std::unique_ptr<SchemaRegistry> RegistryFor(const PublishSide::Config& config, const Stop& stop) {
  if (config.options.output_format != OutputFormat::kAvro) return nullptr;
  return std::make_unique<HttpSchemaRegistry>(config.registry, stop);
}

}  // namespace

PublishSide::PublishSide(const Config& config, Spool* spool)
    : cluster_(ConnectToKafka(config.options, stop_)),
      registry_(RegistryFor(config, stop_)),
      publisher_(config.options,
                 {.cluster = cluster_.get(),
                  .spool = spool,
                  .reconcile = ReconcilerFor(config.overrides, config.places)},
                 registry_.get(), stop_),
      thread_([this, on_exit = config.on_exit] { Run(on_exit); }) {}

PublishSide::~PublishSide() {
  RequestStop();
  thread_.join();
}

void PublishSide::Run(const std::function<void(const SessionExit&)>& on_exit) {
  SessionLoop loop({.server = "Kafka",
                    .wait = [this](Duration duration) { return stop_.WaitFor(duration); },
                    .backoff = Backoff(Backoff::WhileAway())});
  const auto exit = loop.Run(
      [this](const std::function<void()>& made_progress) { publisher_.RunSession(made_progress); });
  if (exit) on_exit(*exit);
}

}  // namespace bw
