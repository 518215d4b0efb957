#pragma once

#include <string>

#include "spool/spool_state.h"

namespace bw {

// What is known of the newest checkpoint in Kafka: those parts of the record
// (publish/checkpoint_format.h) that decide how to continue.
struct CheckpointState {
  enum class Kind {
    kUnknown,  // Kafka could not be asked yet.
    kAbsent,   // Kafka was asked: there is none.
    kPresent,
  };
  Kind kind = Kind::kUnknown;
  std::string lineage;
  Source source;
  // `position` may be within a transaction that was published in parts; `end_lsn` is then the end
  // of the last transaction that was published completely, or invalid if there is none.
  Progress progress;
  std::string cluster_id;  // Of the Kafka cluster that was asked; empty if it has none.
};

// --- Which spool a checkpoint belongs to. Pure -------------------------------------------------

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
