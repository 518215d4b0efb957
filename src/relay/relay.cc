#include "relay/relay.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include "base/log.h"
#include "capture/capture.h"
#include "capture/skip_transaction.h"
#include "capture/table_resnapshot.h"
#include "publish/kafka_cluster.h"
#include "publish/topic_name.h"
#include "relay/start_up.h"

namespace bw {
namespace {

// A stop ends the process within 10 s; a library that does not let go is left behind after this.
constexpr Duration kStopTimeout{9'000};

// Until tables whose re-read did not succeed are tried again.
constexpr Duration kRereadWaitFirst{5'000};
constexpr Duration kRereadWaitMax{60'000};

// Started on a full disk: PostgreSQL keeps the WAL until there is room.
void WaitForRoomToOpen(const SpoolOptions& options, const Stop& stop) {
  if (Spool::HasRoomToOpen(options)) return;
  spdlog::error("The disk of the spool \"{}\" is too full to open it; waiting for room",
                options.directory);
  while (!Spool::HasRoomToOpen(options)) {
    if (stop.WaitFor(std::chrono::seconds(1))) {
      throw Error(ErrorKind::kTransient, "Stopped while the disk of the spool was full",
                  ExitCode::kOk);
    }
  }
  spdlog::info("There is room for the spool again");
}

// The spool of an earlier process. Its disk may fill up also while it is being opened.
std::unique_ptr<Spool> OpenExisting(const SpoolOptions& options, const Stop& stop) {
  bool has_failed = false;
  while (true) {
    WaitForRoomToOpen(options, stop);
    try {
      return Spool::Open(options);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kTransient) throw;
      if (!has_failed) spdlog::error("{}. Trying until it can be opened", error.what());
      has_failed = true;
    }
    if (stop.WaitFor(std::chrono::seconds(1))) {
      throw Error(ErrorKind::kTransient, "Stopped while the spool could not be opened",
                  ExitCode::kOk);
    }
  }
}

// How old the oldest change is that waits in the spool.
std::optional<Duration> LagOf(Spool* spool) {
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

}  // namespace

Relay::Relay(const Options& options, Stop* stop)
    : options_(options),
      stop_(stop),
      start_up_cluster_(ConnectToKafka(options.publish, *stop)),
      skip_transaction_(options.skip_transaction),
      tables_to_read_(options.resnapshot_tables),
      keeper_(options_.capture, &capture_figures_),
      reread_backoff_({.first = kRereadWaitFirst, .max = kRereadWaitMax}) {
  CheckKafkaConfig(options_.publish);
  if (Spool::Exists(options_.spool)) spool_ = OpenExisting(options_.spool, *stop_);
}

Relay::~Relay() {
  stop_->Request();
  if (capture_thread_.joinable()) capture_thread_.join();
}

Spool* Relay::opened_spool() const {
  const std::lock_guard lock(mutex_);
  return spool_.get();
}

Spool* Relay::OpenSpoolAlone() {
  StopPublishing();
  const std::lock_guard lock(mutex_);
  if (!spool_) spool_ = Spool::Open(options_.spool);
  return spool_.get();
}

void Relay::StartPublishing() {
  const std::lock_guard lock(mutex_);
  if (publish_side_ || stop_->requested()) return;
  PublishSide::Config config;
  config.options = options_.publish;
  config.registry = options_.registry;
  config.overrides = options_.overrides;
  config.places = {options_.spool.directory,
                   CheckpointTopic(options_.publish.topic_prefix, spool_->state().source)};
  config.on_exit = [this](const SessionExit& exit) { LeaveWith(exit); };
  publish_side_ = std::make_unique<PublishSide>(config, spool_.get());
}

void Relay::StopPublishing() {
  std::unique_ptr<PublishSide> side;
  {
    const std::lock_guard lock(mutex_);
    side = std::move(publish_side_);
  }
  // Destroyed without the lock, which its thread may want for leaving.
}

void Relay::LeaveWith(const SessionExit& exit) {
  {
    const std::lock_guard lock(mutex_);
    if (!exit_) exit_ = exit;
  }
  stop_->Request();
}

void Relay::RunCapture() {
  StartUp::Parts parts;
  parts.options = &options_;
  parts.cluster = start_up_cluster_.get();
  parts.figures = &capture_figures_;
  parts.stop = stop_;
  parts.opened_spool = [this] { return opened_spool(); };
  parts.open_spool_alone = [this] { return OpenSpoolAlone(); };
  StartUp start_up(parts);
  SessionLoop loop({.server = "PostgreSQL",
                    .wait = [this](Duration duration) { return stop_->WaitFor(duration); },
                    .backoff = Backoff(Backoff::WhileAway())});
  const auto exit = loop.Run([&](const std::function<void()>& made_progress) {
    if (Spool* spool = opened_spool(); spool != nullptr && !WaitForRoom(spool, *stop_)) return;
    if (!start_up.Run()) return;
    StartPublishing();
    const PublicationKeeper::Running keeper_runs(&keeper_, opened_spool());
    CaptureHooks hooks;
    hooks.made_progress = made_progress;
    hooks.begins = [this] { keeper_.OnSessionBegins(); };
    hooks.relation_changed = [this](const CachedRelation& relation) {
      keeper_.OnRelationChanged(relation, opened_spool());
    };
    if (skip_transaction_) {
      if (SkipTransaction(options_.capture, *skip_transaction_, opened_spool(), &capture_figures_,
                          *stop_, hooks)) {
        skip_transaction_.reset();
      }
      return;
    }
    if (ResnapshotTablesIfAsked(start_up, hooks)) return;
    StreamAndReread(hooks);
  });
  if (exit) LeaveWith(*exit);
}

bool Relay::RereadIsDue() const {
  return keeper_.reread_is_ready() && Clock::Real().Now() >= next_reread_;
}

void Relay::StreamAndReread(CaptureHooks hooks) {
  hooks.end_wanted = [this]() -> std::optional<Lsn> {
    return RereadIsDue() ? Lsn{} : keeper_.outdated_at();
  };
  while (!stop_->requested()) {
    const SessionEnd end =
        RunCaptureSession(options_.capture, opened_spool(), &capture_figures_, *stop_, hooks);
    // Here, where the keeper goes on meanwhile: tables lose their keys at any time.
    if (end == SessionEnd::kNoRoom && !WaitForRoom(opened_spool(), *stop_)) return;
    if (end != SessionEnd::kWanted || !RereadIsDue()) continue;
    // Also when it throws: the stream comes first.
    next_reread_ = Clock::Real().Now() + reread_backoff_.Next();
    const RereadResult result =
        RereadNotedTables(options_.capture, opened_spool(), &capture_figures_, *stop_, hooks);
    keeper_.RereadWasTried();
    if (result == RereadResult::kDone) {
      reread_backoff_.Reset();
      next_reread_ = {};
    }
  }
}

bool Relay::ResnapshotTablesIfAsked(const StartUp& start_up, const CaptureHooks& hooks) {
  if (tables_to_read_.empty()) return false;
  const std::string tables = fmt::format("{}", fmt::join(tables_to_read_, ", "));
  if (start_up.took_snapshot()) {
    spdlog::info("resnapshot {}: all tables were just read", Printable(tables));
    tables_to_read_.clear();
    return false;
  }
  if (ResnapshotTables(options_.capture, tables_to_read_, opened_spool(), &capture_figures_, *stop_,
                       hooks)) {
    tables_to_read_.clear();
  }
  return true;
}

ExitCode Relay::Run() {
  // For a re-snapshot the start-up decides first whether this spool is published from at all.
  const bool may_be_dropped = options_.overrides.resnapshot || options_.overrides.begin_anew;
  if (spool_ && spool_->state().phase == SpoolPhase::kStreaming && !may_be_dropped) {
    StartPublishing();
  }
  capture_thread_ = std::thread([this] { RunCapture(); });
  StatusSample previous = Sample();
  while (!stop_->WaitFor(options_.status_interval)) {
    const StatusSample now = Sample();
    spdlog::info("{}", FormatStatusLine(previous, now));
    previous = now;
  }
  EndThreads();
  const std::lock_guard lock(mutex_);
  if (exit_) {
    spdlog::critical("{}", exit_->message);
    return exit_->exit_code;
  }
  spdlog::info("Stopped");
  return ExitCode::kOk;
}

// Waits for both sides to end what is open. A library that does not let go is left behind:
// everything durable is durable already, and ending here is like any crash, which is always safe.
void Relay::EndThreads() {
  std::thread ender([this] {
    {
      const std::lock_guard lock(mutex_);
      if (publish_side_) publish_side_->RequestStop();
    }
    capture_thread_.join();
    StopPublishing();
    const std::lock_guard lock(mutex_);
    threads_ended_ = true;
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kStopTimeout, [this] { return threads_ended_; })) {
    if (exit_) spdlog::critical("{}", exit_->message);
    spdlog::warn("A library does not let go; ending without it");
    _exit(static_cast<int>(exit_ ? exit_->exit_code : ExitCode::kOk));
  }
  lock.unlock();
  ender.join();
}

StatusSample Relay::Sample() const {
  StatusSample sample;
  sample.time = Clock::Real().Now();
  sample.rows_skipped = capture_figures_.rows_refused.load();
  sample.keyless_changes = capture_figures_.keyless_changes.load();
  if (capture_figures_.streaming.load()) {
    sample.retained_wal_bytes = capture_figures_.RetainedWalBytes();
    if (const uint64_t on_disk = capture_figures_.wal_on_disk.load(); on_disk > 0) {
      sample.wal_on_disk_bytes = on_disk;
    }
    if (const int64_t safe = capture_figures_.safe_wal.load(); safe >= 0) {
      sample.safe_wal_bytes = static_cast<uint64_t>(safe);
    }
  }
  const std::lock_guard lock(mutex_);
  if (!spool_) return sample;
  const Spool::Figures figures = spool_->figures();
  sample.changes_captured = figures.changes_captured;
  sample.spool_bytes = figures.bytes_on_disk;
  sample.captured_lsn = spool_->captured().end_lsn;
  sample.published_lsn = spool_->published().end_lsn;
  sample.lag = LagOf(spool_.get());
  sample.obstacle = spool_->Obstacle().value_or("");
  if (publish_side_) {
    const PublishFigures published = publish_side_->figures();
    sample.changes_published = published.changes;
    sample.rows_skipped += published.rows_refused;
  }
  return sample;
}

}  // namespace bw
