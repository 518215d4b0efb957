#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

// Figures in human-readable form, for logs and messages.

namespace bw {

// "256 MiB", "1.5 GiB", "17 B".
std::string FormatSize(uint64_t bytes);
// "350 ms", "1.2 s", "45 s", "12 min", "3 h 20 min", "2 d 4 h".
std::string FormatDuration(Duration duration);
// "2026-11-22T03:11:19.042Z", of microseconds since 1970-01-01 UTC.
std::string FormatTime(int64_t wall_us);
// "1,234,567".
std::string FormatCount(uint64_t count);
// "a, b and 3 more": at most `max` of them by name.
std::string FormatList(const std::vector<std::string>& names, size_t max = 10);

}  // namespace bw
