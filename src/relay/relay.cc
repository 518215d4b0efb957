#include "relay/relay.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"
#include "capture/skip_transaction.h"
#include "relay/status_line.h"
#include "spool/spool_directory.h"

namespace bw {
namespace {

// A stop ends the process within 10 s: a library call that has not returned by then is abandoned.
constexpr Duration kStopTimeout{9'000};

// How long until a failed re-read of tables is tried again.
constexpr Duration kRereadWaitFirst{5'000};
constexpr Duration kRereadWaitMax{60'000};

// After giving way so often, a re-read keeps on: building one index after another must not put it
// off for ever.
constexpr int kGiveWayMax = 5;

// If the disk is full at start, PostgreSQL retains the WAL until there is room.
void WaitForRoomToOpen(const SpoolOptions& options, const Stop& stop) {
  if (DiskRoom::IsEnoughToOpen(options)) return;
  spdlog::error("The disk of the spool \"{}\" is too full to open it; waiting for room",
                options.directory);
  while (!DiskRoom::IsEnoughToOpen(options)) {
    if (stop.WaitFor(std::chrono::seconds(1))) {
      throw Error(ErrorKind::kTransient, "Stopped while the disk of the spool was full",
                  ExitCode::kOk);
    }
  }
  spdlog::info("There is room for the spool again");
}

// Opens the spool of an earlier process. Its disk may also fill up while it is being opened.
std::unique_ptr<Spool> OpenExisting(const SpoolOptions& options,
                                    const std::shared_ptr<const SpoolDirectory>& directory,
                                    const Stop& stop) {
  bool has_failed = false;
  while (true) {
    WaitForRoomToOpen(options, stop);
    try {
      return Spool::Open(options, directory);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kTransient) throw;
      if (!has_failed) spdlog::error("{}. Retrying until it can be opened", error.what());
      has_failed = true;
    }
    if (stop.WaitFor(std::chrono::seconds(1))) {
      throw Error(ErrorKind::kTransient, "Stopped while the spool could not be opened",
                  ExitCode::kOk);
    }
  }
}

}  // namespace

Relay::Relay(const Options& options, const Outside& outside, Stop* stop)
    : options_(options),
      spool_directory_(HoldDirectory(options_.spool)),
      outside_(outside),
      clock_(outside.clock),
      stop_(stop),
      start_up_cluster_(outside_.kafka(options_.publish, *stop)),
      postgres_(outside_.postgres(options_.capture, &capture_figures_, *stop)),
      capture_parts_{&options_.capture, postgres_.get(), &capture_figures_, clock_, stop},
      skip_transaction_(options_.skip_transaction),
      tables_to_read_(options_.resnapshot_tables),
      reread_backoff_({.first = kRereadWaitFirst, .max = kRereadWaitMax}) {
  if (Spool::Exists(options_.spool)) {
    spool_ = OpenExisting(options_.spool, spool_directory_, *stop_);
  }
}

Relay::~Relay() {
  stop_->Request();
  capture_thread_.reset();
}

Spool* Relay::spool() const {
  const std::lock_guard lock(mutex_);
  return spool_.get();
}

// Call on the capture thread, the only one that opens a spool while other threads run.
Spool* Relay::OpenSpoolAlone() {
  StopPublishing();
  if (Spool* opened = spool()) return opened;
  std::unique_ptr<Spool> opened = Spool::Open(options_.spool, spool_directory_);
  const std::lock_guard lock(mutex_);
  spool_ = std::move(opened);
  return spool_.get();
}

void Relay::StartPublishing() {
  const bool is_publishing = [this] {
    const std::lock_guard lock(mutex_);
    return publish_side_ != nullptr;
  }();
  if (is_publishing || stop_->requested()) return;
  auto side = std::make_unique<PublishSide>(
      PublishSide::Parts{&options_, &outside_, spool(), &publish_health_, &publish_paused_,
                         [this](const SessionExit& exit) { LeaveWith(exit); }});
  const std::lock_guard lock(mutex_);
  publish_side_ = std::move(side);
}

void Relay::StopPublishing() {
  std::unique_ptr<PublishSide> side;
  {
    const std::lock_guard lock(mutex_);
    side = std::move(publish_side_);
  }
  // Destroyed without the lock, which its thread may need in LeaveWith.
}

void Relay::LeaveWith(const SessionExit& exit) {
  {
    const std::lock_guard lock(mutex_);
    if (!exit_) exit_ = exit;
  }
  stop_->Request();
}

void Relay::RunCapture() {
  NameThisThread("capture");
  StartUp start_up({.options = &options_,
                    .capture = capture_parts_,
                    .cluster = start_up_cluster_.get(),
                    .troubles = &capture_health_.troubles,
                    .opened_spool = [this] { return spool(); },
                    .open_spool_alone = [this] { return OpenSpoolAlone(); },
                    .start_publishing = [this] { StartPublishing(); }});
  SessionLoop loop({.server = "PostgreSQL",
                    .wait = [this](Duration duration) { return stop_->WaitFor(duration); },
                    .clock = clock_,
                    .backoff = Backoff(Backoff::WhileAway()),
                    .health = &capture_health_});
  const auto exit = loop.Run([&](const std::function<void()>& made_progress) {
    struct AtEnd {
      std::atomic<bool>* busy;
      ~AtEnd() { *busy = false; }
    } const at_end{&capture_busy_};
    if (capture_paused_.load()) loop.Rest();
    if (!WaitWhilePaused()) return;
    if (Spool* opened = spool(); opened != nullptr && !WaitForRoom(opened, *stop_)) return;
    std::optional<OpenedServer> server = start_up.Run();
    if (!server) return;
    const std::unique_ptr<Watch> keeper_runs = postgres_->keeper().Run(spool());
    CaptureHooks hooks;
    hooks.open = [&] {
      return server ? *std::exchange(server, std::nullopt) : start_up.Continue();
    };
    hooks.made_progress = made_progress;
    hooks.begins = [this] { postgres_->keeper().OnSessionBegins(); };
    hooks.relation_changed = [this](const CachedRelation& relation) {
      postgres_->keeper().OnRelationChanged(relation, spool());
    };
    if (skip_transaction_ || !tables_to_read_.empty()) {
      server.reset();  // DoAsAsked may take long; its sessions connect and look again.
      if (DoAsAsked(start_up, hooks)) return;
    }
    StreamAndReread(hooks);
  });
  if (exit) LeaveWith(*exit);
}

// False when a stop was requested. The connections of the keeper stay open.
bool Relay::WaitWhilePaused() {
  constexpr Duration kLookInterval{200};
  capture_busy_ = false;
  while (capture_paused_.load() && !stop_->WaitFor(kLookInterval)) {
  }
  capture_busy_ = true;
  return !stop_->requested();
}

bool Relay::RereadIsDue() const {
  if (!postgres_->keeper().reread_is_ready() || clock_->Now() < next_reread_) return false;
  return std::ranges::any_of(spool()->ledger().rereads(), [this](const Reread& note) {
    return !held_back_.Holds(note.table, clock_->Now());
  });
}

void Relay::StreamAndReread(CaptureHooks hooks) {
  hooks.end_wanted = [this]() -> std::optional<Lsn> {
    if (capture_paused_.load() || RereadIsDue()) return Lsn{};
    return postgres_->keeper().outdated_at();
  };
  while (WaitWhilePaused()) {
    const SessionEnd end = RunCaptureSession(capture_parts_, spool(), hooks);
    // Wait here, where the keeper keeps running: tables can lose their keys at any time.
    if (end == SessionEnd::kNoRoom && !WaitForRoom(spool(), *stop_)) return;
    if (end != SessionEnd::kWanted || !RereadIsDue()) continue;
    TryToReread([&](SnapshotManners manners) {
      return RereadNotedTables(capture_parts_, &held_back_, spool(), hooks, manners);
    });
    postgres_->keeper().RereadWasTried();
  }
}

RereadResult Relay::TryToReread(
    const std::function<RereadResult(SnapshotManners manners)>& reread) {
  const Duration pause = reread_backoff_.Next();
  // Set before the attempt, in case it throws: streaming comes first.
  next_reread_ = clock_->Now() + pause;
  const bool keeps_on = gave_way_ >= kGiveWayMax;
  if (keeps_on) {
    spdlog::warn(
        "Reading tables again has given way to statements of others {} times in a row; "
        "now CREATE INDEX CONCURRENTLY and the like wait until the tables are read",
        gave_way_);
  }
  const RereadResult result =
      reread(keeps_on ? SnapshotManners::kKeepsOn : SnapshotManners::kGivesWay);
  if (result == RereadResult::kDone || result == RereadResult::kObstacle) {
    if (result == RereadResult::kDone) gave_way_ = 0;
    reread_backoff_.Reset();
    next_reread_ = {};
    return result;
  }
  if (result == RereadResult::kGaveWay) ++gave_way_;
  // Counted from now, because the attempt may have waited.
  next_reread_ = clock_->Now() + pause;
  return result;
}

bool Relay::DoAsAsked(const StartUp& start_up, const CaptureHooks& hooks) {
  if (skip_transaction_) {
    if (SkipTransaction(capture_parts_, *skip_transaction_, spool(), hooks)) {
      skip_transaction_.reset();
    }
    return true;
  }
  if (start_up.took_snapshot()) {
    spdlog::info("resnapshot {}: all tables were just read",
                 Printable(fmt::format("{}", fmt::join(tables_to_read_, ", "))));
    tables_to_read_.clear();
    return false;
  }
  const RereadResult result = TryToReread([&](SnapshotManners manners) {
    return ResnapshotTables(capture_parts_, tables_to_read_, spool(), hooks, manners);
  });
  if (result == RereadResult::kDone) {
    tables_to_read_.clear();
  } else {
    CaptureHooks until_next = hooks;
    until_next.end_wanted = [this]() -> std::optional<Lsn> {
      return clock_->Now() >= next_reread_ ? std::optional(Lsn{}) : std::nullopt;
    };
    RunCaptureSession(capture_parts_, spool(), until_next);
  }
  return true;
}

std::optional<SessionExit> Relay::Run() {
  // For a re-snapshot, start-up first decides whether to publish from this spool at all.
  const bool may_be_dropped = options_.overrides.resnapshot;
  if (spool_ && spool_->ledger().state().phase == SpoolPhase::kStreaming && !may_be_dropped) {
    StartPublishing();
  }
  capture_thread_ = clock_->Start([this] { RunCapture(); });
  RelayStatus previous = Status();
  while (!stop_->WaitFor(options_.status_interval)) {
    const RelayStatus now = Status();
    spdlog::info("{}", FormatStatusLine(previous, now));
    previous = now;
  }
  EndThreads();
  const std::lock_guard lock(mutex_);
  if (exit_) {
    spdlog::critical("{}", exit_->message);
  } else {
    spdlog::info("Stopped");
  }
  return exit_;
}

// Waits for both sides to finish. A library call that does not return is abandoned: ending here is
// like a crash, which is always safe.
void Relay::EndThreads() {
  const std::unique_ptr<Thread> ender = clock_->Start([this] {
    {
      const std::lock_guard lock(mutex_);
      if (publish_side_) publish_side_->RequestStop();
    }
    capture_thread_.reset();
    StopPublishing();
    const std::lock_guard lock(mutex_);
    threads_ended_ = true;
    clock_->NotifyAll(&changed_);
  });
  std::unique_lock lock(mutex_);
  if (clock_->WaitUntil(&lock, &changed_, clock_->Now() + kStopTimeout,
                        [this] { return threads_ended_; })) {
    return;
  }
  if (exit_) spdlog::critical("{}", exit_->message);
  const ExitCode exit_code = exit_ ? exit_->exit_code : ExitCode::kOk;
  lock.unlock();
  spdlog::warn("A library call does not return; ending without it");
  outside_.abandon(exit_code);
}

void Relay::ResumeHeld(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  if (!publish_side_) throw TransientError("resume: publishing has not begun");
  publish_side_->ResumeHeld(names);
}

AskedRereads Relay::NoteRereads(const std::vector<std::string>& patterns) {
  std::vector<TableName> held;
  {
    const std::lock_guard lock(mutex_);
    if (publish_side_) {
      for (const HeldTable& one : publish_side_->figures().held) held.push_back(one.table);
    }
  }
  AskedRereads asked = NoteAskedRereads(postgres_.get(), options_.capture, spool(), patterns, held);
  const std::lock_guard lock(mutex_);
  if (publish_side_) publish_side_->GiveUpHeld(asked.given_up);
  return asked;
}

}  // namespace bw
