#pragma once

#include <cstdint>
#include <functional>

namespace bw::simulation {

// What base/kill_point and base/random_id are linked against here. Both belong to one schedule at a
// time, set before it runs.

// Called at each kill point with its name.
void SetKillPointHook(std::function<void(const char*)> hook);
// What RandomId() makes its ids of.
void SetRandomIdSeed(uint64_t seed);

}  // namespace bw::simulation
