#pragma once

#include <cstdint>

namespace bw {

// PostgreSQL counts microseconds from 2000-01-01 UTC, which is this long after 1970-01-01.
inline constexpr int64_t kPostgresEpochUs = 946'684'800'000'000;

}  // namespace bw
