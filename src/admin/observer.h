#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <tuple>

#include "admin/capture_lag.h"
#include "admin/observation.h"
#include "admin/stall_watch.h"
#include "base/clock.h"

namespace bw {

// Says what follows from how the relay's status changes: rates, times, stalls; in the log, too,
// that the slot is lost. Not thread-safe.
class Observer {
 public:
  explicit Observer(Duration stall_after) : stall_after_(stall_after) {}

  // Call about once a second, with later and later statuses.
  Observation Observe(RelayStatus status);

 private:
  // What the rates are computed from.
  struct Sample {
    TimePoint time;
    uint64_t captured = 0;
    uint64_t published = 0;
    uint64_t appended = 0;
    uint64_t appended_bytes = 0;
    uint64_t snapshot_rows = 0;
  };

  void AddObstacle(RelayStatus* status);
  void AddSlotRisk(RelayStatus* status);
  void AddLostSlot(RelayStatus* status);
  void AddHeld(RelayStatus* status);
  void AddCaptureLag(Observation* observation);
  const Sample& Before(Duration window) const;
  double UnpublishedGrowth(const RelayStatus& status) const;
  void AddForecast(Observation* observation) const;
  void AddRates(Observation* observation) const;
  std::optional<double> DrainRate() const;
  void AddStalls(Observation* observation);

  const Duration stall_after_;
  std::deque<Sample> samples_;  // Of the last minutes, the newest last.
  CaptureLag capture_lag_;
  int64_t obstacle_since_us_ = 0;
  int64_t risk_since_us_ = 0;
  int64_t lost_since_us_ = 0;
  int64_t held_since_us_ = 0;
  StallWatch<std::tuple<Lsn, Lsn, uint64_t, uint64_t>> capture_stall_;
  StallWatch<std::tuple<Lsn, uint64_t, uint64_t>> publish_stall_;
};

}  // namespace bw
