#include "simulation/deterministic_base.h"

#include <fmt/format.h>

#include "base/kill_point.h"
#include "base/random_id.h"
#include "base/shown_text.h"
#include "simulation/random.h"

namespace bw {
namespace {

std::function<void(const char*)> kill_point_hook;
simulation::Random random_ids(0);

}  // namespace

namespace simulation {

void SetKillPointHook(std::function<void(const char*)> hook) { kill_point_hook = std::move(hook); }
void SetRandomIdSeed(uint64_t seed) {
  ShownText({});  // Draws its mark once a process: before a schedule, not within the first.
  random_ids = Random(seed);
}

}  // namespace simulation

void ReachKillPoint(const char* name) {
  if (kill_point_hook) kill_point_hook(name);
}

std::string RandomId() {
  return fmt::format("{:016x}{:016x}", random_ids.Next(), random_ids.Next());
}

uint64_t RandomSeed() { return random_ids.Next(); }

}  // namespace bw
