#pragma once

#include <optional>
#include <string>

#include "publish/checkpoint_format.h"
#include "recovery/checkpoint_state.h"
#include "recovery/overrides.h"
#include "spool/spool_state.h"

namespace bw {

// The newest checkpoint (absent: the cluster has none) as src/recovery takes it.
CheckpointState StateOf(const std::optional<Checkpoint>& newest, const std::string& cluster_id);

// Publishing resumes after `progress`.
struct ResumeFrom {
  Progress progress;
  NextOffsets next_offsets;  // Of the checkpoint; empty without one, or when it was overridden.
  // What an operator's permission overrode, for the log and the checkpoint; empty when none was
  // needed. If set, the spool's hint is rewound to `progress`.
  std::string remedy;
};

// Compares the spool with the checkpoint, which was read after init_transactions, by
// ReconcilePublish (recovery/reconcile_publish.h). Throws its Halt when the two contradict each
// other.
ResumeFrom DecideResume(const SpoolState& spool, const std::optional<Checkpoint>& newest,
                        const std::string& cluster_id, const Overrides& overrides,
                        const RelayPlaces& places);

}  // namespace bw
