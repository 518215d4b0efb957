#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/lsn.h"
#include "publish/checkpoint_format.h"
#include "spool/spool_state.h"

namespace bw {

// Publishing goes on behind `progress`.
struct ResumeFrom {
  Progress progress;
  // Of the checkpoint; empty without one.
  NextOffsets next_offsets;
  // Set when an operator's permission was needed: what it overrode, for the log and the checkpoint.
  // The spool's hint must then be rewound to `progress`.
  std::string remedy;
  friend bool operator==(const ResumeFrom&, const ResumeFrom&) = default;
};

// Publishing cannot go on: what was found, what it means, and each remedy. Exit code kHaltKafka.
struct PublishHalt {
  std::string text;
  friend bool operator==(const PublishHalt&, const PublishHalt&) = default;
};

// Compares what the spool remembers with what Kafka says was published: the publish side's rows of
// design.md section 6. `spool` is in phase kStreaming; `checkpoint` is absent or present, read
// after init_transactions. `republish` is the operator's permission to publish again what the spool
// still holds. Pure.
std::variant<ResumeFrom, PublishHalt> ReconcileCheckpoint(const SpoolState& spool,
                                                          const CheckpointState& checkpoint,
                                                          const std::string& cluster_id,
                                                          const std::string& checkpoint_topic,
                                                          bool republish);

}  // namespace bw
