#include "relay/relay.h"

#include <unistd.h>

#include "base/log.h"
#include "capture/capture.h"
#include "publish/kafka_cluster.h"
#include "registry/http_schema_registry.h"
#include "relay/option_mapping.h"
#include "relay/redact.h"
#include "relay/start_up.h"

namespace bw {
namespace {

// A stop ends the process within 10 s; a library that does not let go is left behind after this.
constexpr Duration kStopTimeout{9'000};

SessionLoop LoopFor(const char* server, Stop* stop) {
  SessionLoop::Config config;
  config.server = server;
  config.wait = [stop](Duration duration) { return stop->WaitFor(duration); };
  return SessionLoop(std::move(config));
}

}  // namespace

Relay::Relay(const Options& options, Stop* stop)
    : options_(options),
      capture_options_(CaptureOptionsOf(options)),
      publish_options_(PublishOptionsOf(options)),
      stop_(stop),
      start_up_cluster_(ConnectToKafka(publish_options_, *stop)),
      cluster_(ConnectToKafka(publish_options_, *stop)) {
  ValidateCaptureOptions(capture_options_);
  CheckPublishOptions(publish_options_);
  if (options_.output_format == OutputFormat::kAvro) {
    registry_ = std::make_unique<HttpSchemaRegistry>(RegistryOptionsOf(options_), *stop_);
  }
  if (Spool::Exists(SpoolOptionsOf(options_))) OpenSpool();
}

Relay::~Relay() {
  stop_->Request();
  if (capture_thread_.joinable()) capture_thread_.join();
  if (publish_thread_.joinable()) publish_thread_.join();
}

Spool* Relay::opened_spool() const {
  const std::lock_guard lock(mutex_);
  return spool_.get();
}

Spool* Relay::OpenSpool() {
  const std::lock_guard lock(mutex_);
  if (spool_) return spool_.get();
  spool_ = Spool::Open(SpoolOptionsOf(options_));
  PublishParts parts;
  parts.cluster = cluster_.get();
  parts.spool = spool_.get();
  publisher_ = std::make_unique<Publisher>(publish_options_, parts, registry_.get(), *stop_);
  ++threads_running_;
  publish_thread_ = std::thread([this] { RunPublish(); });
  return spool_.get();
}

void Relay::RunCapture() {
  StartUp::Parts parts;
  parts.options = &options_;
  parts.capture_options = &capture_options_;
  parts.publish_options = &publish_options_;
  parts.cluster = start_up_cluster_.get();
  parts.figures = &capture_figures_;
  parts.stop = stop_;
  parts.open_spool = [this] { return OpenSpool(); };
  parts.opened_spool = [this] { return opened_spool(); };
  StartUp start_up(parts);
  Leave(LoopFor("PostgreSQL", stop_).Run([&](const std::function<void()>& made_progress) {
    if (!start_up.Run()) return;
    RunCaptureSession(capture_options_, opened_spool(), &capture_figures_, *stop_, made_progress);
  }));
}

void Relay::RunPublish() {
  Leave(LoopFor("Kafka", stop_).Run([&](const std::function<void()>& made_progress) {
    publisher_->RunSession();
    made_progress();
  }));
}

void Relay::Leave(const std::optional<SessionExit>& exit) {
  {
    const std::lock_guard lock(mutex_);
    if (exit && !exit_) exit_ = exit;
    --threads_running_;
  }
  if (exit) stop_->Request();
  ended_.notify_all();
}

bool Relay::WaitForThreads(Duration timeout) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, timeout, [this] { return threads_running_ == 0; });
}

ExitCode Relay::Run() {
  {
    const std::lock_guard lock(mutex_);
    ++threads_running_;
    capture_thread_ = std::thread([this] { RunCapture(); });
  }
  StatusSample previous = Sample();
  while (!stop_->WaitFor(options_.status_interval)) {
    const StatusSample now = Sample();
    spdlog::info("{}", FormatStatusLine(previous, now));
    previous = now;
  }
  const bool ended = WaitForThreads(kStopTimeout);
  ExitCode code = ExitCode::kOk;
  {
    const std::lock_guard lock(mutex_);
    if (exit_) {
      code = exit_->exit_code;
      spdlog::critical("{}", exit_->message);
    }
  }
  if (!ended) {
    // Everything durable is durable already: ending here is like any crash, which is always safe.
    spdlog::warn("A library does not let go; ending without it");
    _exit(static_cast<int>(code));
  }
  if (code == ExitCode::kOk) spdlog::info("Stopped");
  return code;
}

StatusSample Relay::Sample() const {
  StatusSample sample;
  sample.time = Clock::Real().Now();
  sample.rows_skipped = capture_figures_.rows_refused.load();
  if (capture_figures_.streaming.load()) {
    sample.retained_wal_bytes = capture_figures_.RetainedWalBytes();
  }
  Spool* const spool = opened_spool();
  if (spool == nullptr) return sample;
  const Spool::Figures figures = spool->figures();
  const PublishFigures published = publisher_->figures();
  sample.changes_captured = figures.changes_captured;
  sample.spool_bytes = figures.bytes_on_disk;
  sample.captured_lsn = spool->captured().end_lsn;
  sample.changes_published = published.changes;
  sample.published_lsn = spool->published().end_lsn;
  sample.rows_skipped += published.rows_refused;
  sample.lag = LagOf(spool);
  sample.obstacle = spool->Obstacle().value_or("");
  return sample;
}

// How old the oldest change is that waits in the spool.
std::optional<Duration> Relay::LagOf(Spool* spool) const {
  try {
    const SpoolBatch oldest =
        spool->Read(spool->published().position, {.changes_max = 1, .bytes_max = 1});
    if (oldest.changes().empty()) return std::nullopt;
    const int64_t age_us = Clock::Real().WallMicros() - oldest.changes().front().commit_time_us;
    return Duration(std::max<int64_t>(age_us / 1000, 0));
  } catch (const Error&) {
    return std::nullopt;  // The spool is being opened again; the sessions deal with it.
  }
}

}  // namespace bw
