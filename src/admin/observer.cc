#include "admin/observer.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/format.h"
#include "base/log.h"
#include "relay/status_line.h"

namespace bw {
namespace {

constexpr Duration kRateWindow{10'000};
constexpr Duration kGrowthWindow{180'000};
// A growth that is measured over less says nothing.
constexpr Duration kGrowthWindowMin{3'000};
// The first second after an outage is spent on connecting.
constexpr double kDrainSecondsMin = 2;
// With an older unpublished change than this, publishing is behind.
constexpr Duration kKeepsUpMax{5'000};
// A spool that grows less is as good as steady.
constexpr double kGrowthMin = 1'024;

double SecondsBetween(TimePoint from, TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

double PerSecond(uint64_t before, uint64_t now, double seconds) {
  return now < before ? 0 : static_cast<double>(now - before) / seconds;
}

// "capture has not advanced for 75 s: PostgreSQL is away, ...".
std::string StallText(std::string_view side, Duration stalled, const RelayStatus::Side& status) {
  std::string why;
  if (status.paused) {
    why = "it is paused by an operator";
  } else if (!status.troubles.empty()) {
    why = status.troubles.front().what;
  }
  return fmt::format("{} has not advanced for {}{}{}", side, FormatDuration(stalled),
                     why.empty() ? "" : ": ", why);
}

std::string RemedyForFullSpool(const RelayStatus& status) {
  const RelayStatus::SpoolFacts& spool = status.spool;
  if (spool.phase == SpoolPhase::kFirstStart) {
    return "Enlarge the spool's disk, or free space on it: publishing, which empties the spool, "
           "cannot start before the snapshot is complete";
  }
  return fmt::format(
      "{}, which empties the spool; or give it more room: its disk{}",
      status.publish.figures.held.empty() ? "Let publishing catch up" : "Let held tables go on",
      spool.max_bytes == 0 ? "" : ", and --spool-max-bytes");
}

}  // namespace

Observation Observer::Observe(RelayStatus status) {
  Observation observation;
  observation.status = std::move(status);
  AddObstacle(&observation.status);
  AddSlotRisk(&observation.status);
  AddLostSlot(&observation.status);
  AddHeld(&observation.status);
  AddCaptureLag(&observation);
  const RelayStatus& seen = observation.status;
  samples_.push_back({seen.time, seen.capture.changes, seen.publish.figures.changes,
                      seen.capture.appended, seen.capture.appended_bytes,
                      seen.capture.snapshot_rows});
  while (seen.time - samples_.front().time > kGrowthWindow) samples_.pop_front();
  AddRates(&observation);
  AddForecast(&observation);
  AddStalls(&observation);
  return observation;
}

void Observer::AddRates(Observation* observation) const {
  const Sample& now = samples_.back();
  const Sample* const recent = &Before(kRateWindow);
  const double seconds = SecondsBetween(recent->time, now.time);
  if (seconds <= 0) return;
  const double captured = PerSecond(recent->captured, now.captured, seconds);
  const double published = PerSecond(recent->published, now.published, seconds);
  observation->captured_per_second = captured;
  observation->published_per_second = published;
  const uint64_t backlog = observation->status.spool.backlog;
  const std::optional<double> drain = DrainRate();
  if (backlog > 0 && drain && *drain > captured) {
    observation->seconds_until_drained = static_cast<double>(backlog) / (*drain - captured);
  }
}

// The oldest sample of the window.
const Observer::Sample& Observer::Before(Duration window) const {
  const Sample* found = &samples_.back();
  for (auto sample = samples_.rbegin(); sample != samples_.rend(); ++sample) {
    if (samples_.back().time - sample->time > window) break;
    found = &*sample;
  }
  return *found;
}

// The size of the spool's files says little: RocksDB's log alone comes and goes by 64 MiB.
double Observer::UnpublishedGrowth(const RelayStatus& status) const {
  const Sample& now = samples_.back();
  const Sample& recent = Before(kRateWindow);
  const bool keeps_up =
      status.publish.working && status.spool.lag.value_or(Duration(0)) < kKeepsUpMax;
  // What snapshots read is published when all of it is there.
  const bool holds = !status.publish.figures.held.empty();
  if (keeps_up && !holds && now.snapshot_rows == recent.snapshot_rows) return 0;
  const Sample& oldest = samples_.front();
  const double appended =
      PerSecond(oldest.appended_bytes, now.appended_bytes, SecondsBetween(oldest.time, now.time));
  // Nothing above the position of a held table is trimmed, whatever others publish.
  if (now.appended == 0 || !status.publish.working || holds) return appended;
  const double per_change =
      static_cast<double>(now.appended_bytes) / static_cast<double>(now.appended);
  const double seconds = SecondsBetween(recent.time, now.time);
  return appended - per_change * PerSecond(recent.published, now.published, seconds);
}

void Observer::AddForecast(Observation* observation) const {
  const RelayStatus::SpoolFacts& spool = observation->status.spool;
  if (!spool.obstacle.empty()) observation->seconds_until_spool_full = 0;
  if (samples_.back().time - samples_.front().time < kGrowthWindowMin) return;
  const double growth = std::max(UnpublishedGrowth(observation->status), 0.0);
  observation->spool_bytes_per_second = growth;
  if (growth < kGrowthMin || !spool.obstacle.empty()) return;
  observation->seconds_until_spool_full = static_cast<double>(spool.room_bytes) / growth;
}

// Changes published per second since publishing last stood still, over ten seconds at most: right
// after an outage, the seconds of the outage say nothing about the drain.
std::optional<double> Observer::DrainRate() const {
  const Sample& now = samples_.back();
  const Sample* first = &now;
  for (auto sample = samples_.rbegin() + 1; sample != samples_.rend(); ++sample) {
    if (now.time - sample->time > kRateWindow || sample->published == first->published) break;
    first = &*sample;
  }
  const double seconds = SecondsBetween(first->time, now.time);
  if (seconds < kDrainSecondsMin) return std::nullopt;
  return PerSecond(first->published, now.published, seconds);
}

// A full spool keeps capture from working as an outage does.
void Observer::AddObstacle(RelayStatus* status) {
  const std::string& obstacle = status->spool.obstacle;
  if (obstacle.empty()) {
    obstacle_since_us_ = 0;
    return;
  }
  if (obstacle_since_us_ == 0) obstacle_since_us_ = status->wall_us;
  status->capture.troubles.push_back({.what = fmt::format("capture waits: {}", obstacle),
                                      .remedy = RemedyForFullSpool(*status),
                                      .since_us = obstacle_since_us_,
                                      .kind = TroubleKind::kWaits,
                                      .server = ""});
}

// What PostgreSQL will do with the slot stops capture sooner or later.
void Observer::AddSlotRisk(RelayStatus* status) {
  const RelayStatus::Capture& capture = status->capture;
  const bool is_beyond = capture.safe_wal_bytes && *capture.safe_wal_bytes < 0;
  if (!is_beyond) {
    risk_since_us_ = 0;
    return;
  }
  if (risk_since_us_ == 0) risk_since_us_ = status->wall_us;
  status->capture.troubles.push_back(
      {.what = "the slot is " + WalLimitText(capture),
       .remedy = "Raise max_slot_wal_keep_size and reload PostgreSQL's configuration; then end "
                 "what makes the slot retain WAL: a pause, an old transaction, a full spool, an "
                 "outage of Kafka",
       .since_us = risk_since_us_,
       .kind = TroubleKind::kAtRisk,
       .server = "PostgreSQL"});
}

// A paused relay would not notice it by itself. A lost slot stays lost, also while nobody can look.
void Observer::AddLostSlot(RelayStatus* status) {
  const RelayStatus::Capture& capture = status->capture;
  if (!capture.slot_is_lost().value_or(false)) {
    if (capture.slot_is_lost()) lost_since_us_ = 0;  // It is another slot.
    return;
  }
  if (lost_since_us_ == 0) {
    lost_since_us_ = status->wall_us;
    spdlog::error(
        "PostgreSQL has given up slot \"{}\": WAL that the relay needs is gone. {} ends with exit "
        "code {} and says what to do",
        Printable(status->spool.source.slot),
        capture.paused ? "When capture is resumed, the relay" : "The relay",
        static_cast<int>(ExitCode::kHaltSlot));
  }
  status->capture.troubles.push_back(
      {.what = "PostgreSQL has given up the slot: WAL that the relay needs is gone",
       .remedy = "Resume capture if it is paused: the relay then ends and says what to do",
       .since_us = lost_since_us_,
       .kind = TroubleKind::kAtRisk,
       .server = "PostgreSQL"});
}

// What held tables leave in the spool fills it sooner or later.
void Observer::AddHeld(RelayStatus* status) {
  const std::vector<HeldTable>& held = status->publish.figures.held;
  if (held.empty()) {
    held_since_us_ = 0;
    return;
  }
  if (held_since_us_ == 0) held_since_us_ = status->wall_us;
  std::vector<std::string> names;
  for (const HeldTable& one : held) names.push_back(one.table.qualified());
  status->publish.troubles.push_back(
      {.what = fmt::format("{} held, and what is not published of {} stays in the spool: {}{}",
                           held.size() == 1 ? "a table is" : "tables are",
                           held.size() == 1 ? "it" : "them", FormatList(names, 5),
                           held[0].reason.empty() ? "" : "; " + held[0].reason),
       .remedy = "Mend the reason, then: bottledwater resume TABLE; or have the table read again: "
                 "bottledwater resnapshot TABLE",
       .since_us = held_since_us_,
       .kind = TroubleKind::kAtRisk,
       .server = ""});
}

void Observer::AddCaptureLag(Observation* observation) {
  const RelayStatus& status = observation->status;
  const RelayStatus::Capture& capture = status.capture;
  if (!capture.has_wal_limit || !capture.captured.valid()) return;  // Nobody can look.
  capture_lag_.Look(status.time, capture.server_end, capture.captured);
  observation->capture_lag_bytes = capture_lag_.bytes();
  observation->capture_lag_seconds = std::chrono::duration<double>(capture_lag_.age()).count();
}

// Capture has work unless it streams and has everything: what the server has read for it and, but
// for what an idle database leaves, what it has written. Publish has work while a change in the
// spool is not published.
void Observer::AddStalls(Observation* observation) {
  const RelayStatus& status = observation->status;
  const RelayStatus::Capture& capture = status.capture;
  const bool capture_has_work = !capture.working || capture.server_read > capture.captured ||
                                observation->capture_lag_bytes.value_or(0) > 0;
  const auto capture_stalled = capture_stall_.Look(
      status.time, capture_has_work,
      {capture.received, capture.captured, capture.appended, capture.snapshot_rows});
  if (capture_stalled && *capture_stalled >= stall_after_) {
    observation->stalls.push_back(StallText("capture", *capture_stalled, capture));
  }
  const auto publish_stalled =
      publish_stall_.Look(status.time, status.spool.lag.has_value(),
                          {status.publish.published, status.publish.figures.messages,
                           status.publish.figures.transactions});
  if (publish_stalled && *publish_stalled >= stall_after_) {
    observation->stalls.push_back(StallText("publish", *publish_stalled, status.publish));
  }
}

}  // namespace bw
