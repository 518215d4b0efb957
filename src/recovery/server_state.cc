#include "recovery/server_state.h"

namespace bw {

std::optional<Lsn> ServerIdentity::SwitchPointOf(uint32_t timeline_before) const {
  if (timeline_before == timeline) return std::nullopt;
  for (const TimelineSwitch& ended : history) {
    if (ended.timeline == timeline_before) return ended.switch_point;
  }
  return Lsn::Invalid();
}

}  // namespace bw
