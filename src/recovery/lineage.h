#pragma once

#include "recovery/checkpoint_state.h"
#include "spool/spool_state.h"

// Which spool a checkpoint belongs to. Pure.

namespace bw {

bool SameSource(const Source& a, const Source& b);

// Whether this spool, or the one that it resumed from, has ever published, as far as it knows.
bool HasPublished(const SpoolState& spool);

// Whether the checkpoint is this spool's. The first one that a spool finds may be its
// predecessor's; a predecessor's checkpoint found after this spool has published was written by
// another relay.
bool IsOurs(const SpoolState& spool, const CheckpointState& checkpoint);

// Whether this spool's re-snapshot was allowed to supersede the checkpoint.
bool IsSuperseded(const SpoolState& spool, const CheckpointState& checkpoint);

}  // namespace bw
