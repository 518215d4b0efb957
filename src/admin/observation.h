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
  // How fast what is not published grows, before compression: what was appended in the last three
  // minutes, less what was published in the last 10 s; 0 while Kafka keeps up.
  std::optional<double> spool_bytes_per_second;
  // At that pace, 0 when it is full; absent when the spool does not grow.
  std::optional<double> seconds_until_spool_full;
  // Until everything captured is published; absent when there is nothing to drain, or when capture
  // is at least as fast.
  std::optional<double> seconds_until_drained;

  // How far capture is behind the end of the server's WAL (capture_lag.h); absent while that is not
  // known.
  std::optional<uint64_t> capture_lag_bytes;
  std::optional<double> capture_lag_seconds;

  // Why the relay is not ready: a side that has had work and has not advanced for --stall-after.
  // Empty when it is ready.
  std::vector<std::string> stalls;

  std::vector<Event> events;  // The newest last.
};

}  // namespace bw
