#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/halt.h"
#include "recovery/checkpoint_state.h"
#include "recovery/overrides.h"
#include "spool/spool_state.h"

namespace bw {

struct PublishPlan {
  Position publish_after;  // Publish the spool's changes above this.
  std::vector<std::string> notes;
  std::vector<std::string> overrides_used;
};

// The publish side's part of the decision, at the start of each publish session. The checkpoint is
// known, and the spool's phase is kStreaming. Needs no facts from PostgreSQL. Pure.
std::variant<PublishPlan, Halt> ReconcilePublish(const SpoolState& spool,
                                                 const CheckpointState& checkpoint,
                                                 const Overrides& overrides,
                                                 const RelayPlaces& places);

}  // namespace bw
