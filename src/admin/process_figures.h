#pragma once

#include <cstdint>
#include <optional>

namespace bw {

// What the operating system says of this process: what Prometheus's clients export as process_*.
// What it does not tell is absent.
struct ProcessFigures {
  std::optional<double> start_time_seconds;  // Since 1970.
  std::optional<double> cpu_seconds;         // User and system, of all threads.
  std::optional<uint64_t> resident_bytes;
  std::optional<uint64_t> virtual_bytes;
  std::optional<uint64_t> open_fds;
  std::optional<uint64_t> max_fds;  // Absent without a limit.
};

// Reads /proc. Thread-safe.
ProcessFigures ReadProcessFigures();

}  // namespace bw
