#pragma once

#include "recovery/checkpoint_state.h"
#include "spool/spool_state.h"

// Whose checkpoint that is. Pure.

namespace bw {

bool SameSource(const Source& a, const Source& b);

// Whether this spool, or the one it goes on from, has ever published, as far as it knows.
bool HasPublished(const SpoolState& spool);

// Whether the checkpoint is this spool's. The first one that a spool finds may be its
// predecessor's; one that is still the predecessor's after this spool has published was written
// by another relay.
bool IsOurs(const SpoolState& spool, const CheckpointState& checkpoint);

// Whether the checkpoint is one that this spool's re-snapshot was allowed to supersede.
bool IsSuperseded(const SpoolState& spool, const CheckpointState& checkpoint);

}  // namespace bw
