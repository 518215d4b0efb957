#pragma once

#include <optional>
#include <string>

#include "publish/checkpoint_format.h"
#include "recovery/checkpoint_state.h"
#include "recovery/overrides.h"
#include "spool/spool_state.h"

namespace bw {

// What decides how to go on, of the newest checkpoint in a cluster that was asked for it.
CheckpointState StateOf(const std::optional<Checkpoint>& newest, const std::string& cluster_id);

// Publishing goes on after `progress`.
struct ResumeFrom {
  Progress progress;
  NextOffsets next_offsets;  // Of the checkpoint; empty without one, or when it was overridden.
  // Set when an operator's permission was needed: what it overrode, for the log and the checkpoint.
  // The spool's hint is then rewound to `progress`.
  std::string remedy;
};

// Compares what the spool remembers with what Kafka says was published, read after
// init_transactions, and throws the Halt where the two contradict each other: ReconcilePublish
// (recovery/reconcile_publish.h).
ResumeFrom DecideResume(const SpoolState& spool, const std::optional<Checkpoint>& newest,
                        const std::string& cluster_id, const Overrides& overrides,
                        const RelayPlaces& places);

}  // namespace bw
