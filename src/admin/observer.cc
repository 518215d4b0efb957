#include "admin/observer.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/format.h"

namespace bw {
namespace {

constexpr Duration kRateWindow{10'000};
constexpr Duration kGrowthWindow{60'000};
// A growth that is measured over less says nothing.
constexpr Duration kGrowthWindowMin{3'000};
// The first second after an outage is spent on connecting.
constexpr double kDrainSecondsMin = 2;
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

}  // namespace

Observation Observer::Observe(RelayStatus status) {
  Observation observation;
  observation.status = std::move(status);
  AddObstacle(&observation.status);
  const RelayStatus& seen = observation.status;
  samples_.push_back(
      {seen.time, seen.capture.changes, seen.publish.figures.changes, seen.spool.bytes});
  while (seen.time - samples_.front().time > kGrowthWindow) samples_.pop_front();
  AddRates(&observation);
  AddStalls(&observation);
  return observation;
}

void Observer::AddRates(Observation* observation) const {
  const Sample& now = samples_.back();
  const Sample* recent = &samples_.back();
  for (auto sample = samples_.rbegin(); sample != samples_.rend(); ++sample) {
    if (now.time - sample->time > kRateWindow) break;
    recent = &*sample;
  }
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

  const Sample& oldest = samples_.front();
  if (now.time - oldest.time < kGrowthWindowMin) return;
  const double growth =
      PerSecond(oldest.spool_bytes, now.spool_bytes, SecondsBetween(oldest.time, now.time));
  observation->spool_bytes_per_second = growth;
  if (growth >= kGrowthMin && backlog > 0) {
    observation->seconds_until_spool_full =
        static_cast<double>(observation->status.spool.room_bytes) / growth;
  }
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
  status->capture.troubles.push_back(
      {fmt::format("capture waits: {}", obstacle),
       "Free the disk, raise --spool-max-bytes, or let publishing catch up", obstacle_since_us_});
}

// Capture has work unless it streams and has everything that the server has read for it. Publish
// has work while a change in the spool is not published.
void Observer::AddStalls(Observation* observation) {
  const RelayStatus& status = observation->status;
  const RelayStatus::Capture& capture = status.capture;
  const bool capture_has_work = !capture.working || capture.server_end > capture.captured;
  const auto capture_stalled = capture_stall_.Look(
      status.time, capture_has_work,
      {capture.received, capture.captured, capture.appended, capture.snapshot_rows});
  if (capture_stalled && *capture_stalled >= stall_after_) {
    observation->stalls.push_back(StallText("capture", *capture_stalled, capture));
  }
  const auto publish_stalled =
      publish_stall_.Look(status.time, status.spool.lag.has_value(),
                          {status.publish.published, status.publish.figures.messages});
  if (publish_stalled && *publish_stalled >= stall_after_) {
    observation->stalls.push_back(StallText("publish", *publish_stalled, status.publish));
  }
}

}  // namespace bw
