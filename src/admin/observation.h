#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/event_log.h"
#include "relay/relay_status.h"

namespace bw {

// What the admin endpoint shows at one time: the relay's status, and what follows from how it has
// changed.
struct Observation {
  RelayStatus status;

  // Over the last 10 s; absent in the first second.
  std::optional<double> captured_per_second;   // Changes.
  std::optional<double> published_per_second;  // Changes.
  // Over the last minute, as far as there is one: how fast the spool's files grow.
  std::optional<double> spool_bytes_per_second;
  // At that pace; absent when the spool does not grow.
  std::optional<double> seconds_until_spool_full;
  // Until everything captured is published; absent when there is nothing to drain, or when capture
  // is at least as fast.
  std::optional<double> seconds_until_drained;

  // Why the relay is not ready: a side that has had work and has not advanced for --stall-after.
  // Empty when it is ready.
  std::vector<std::string> stalls;

  std::vector<Event> events;  // The newest last.
};

}  // namespace bw
