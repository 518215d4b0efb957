#pragma once

#include <string>

#include "spool/spool_state.h"

namespace bw {

// What is known of the newest checkpoint in Kafka: of the record itself
// (publish/checkpoint_format.h) as much as decides how to go on.
struct CheckpointState {
  enum class Kind {
    kUnknown,  // Kafka could not be asked yet.
    kAbsent,   // Kafka was asked: there is none.
    kPresent,
  };
  Kind kind = Kind::kUnknown;
  std::string lineage;
  Source source;
  // `position` may lie within a transaction that was published in parts; `end_lsn` then is the end
  // of the last transaction that was published whole, or invalid when there is none.
  Progress progress;
  std::string cluster_id;  // Of the Kafka cluster that was asked; empty when it does not say.
};

}  // namespace bw
