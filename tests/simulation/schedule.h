#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace bw::simulation {

struct ScheduleOptions {
  uint64_t seed = 0;
  bool verbose = false;  // Tell what happens on standard output, with the relay's log.
};

struct ScheduleResult {
  // What went wrong; nothing when all was well.
  std::optional<std::string> violation;
  uint64_t fingerprint = 0;  // Equal for equal runs.
  uint64_t steps = 0;
  uint64_t records = 0;
  uint64_t kills = 0;
  uint64_t starts = 0;
  uint64_t late_requests = 0;
};

// One schedule: a workload and faults, both by the seed, on a relay with its servers and its disk;
// then everything heals, the relay drains, and the checker compares.
ScheduleResult RunSchedule(const ScheduleOptions& options);

}  // namespace bw::simulation
