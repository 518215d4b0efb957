#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "publish/checkpoint_format.h"
#include "publish/kafka.h"
#include "publish/publish_options.h"
#include "recovery/checkpoint_state.h"
#include "spool/spool_state.h"

namespace bw {

struct NewestCheckpoint {
  std::optional<Checkpoint> checkpoint;
  int64_t next_offset = 0;  // After everything that was read.
  bool topic_exists = false;
  // Topic -> table: the committed claims from `claims_from` on.
  std::map<std::string, TableName> claims;
  // max.message.bytes of the topic, if we have the right to read it.
  std::optional<size_t> message_bytes_max;
};

// The newest committed checkpoint in this topic, and the topic claims from offset `claims_from` on.
// A topic that ends before that offset was recreated, and is read as a whole. The result is final
// only after InitTransactions: before that, a commit may still be in flight.
//
// The topic's end is asked for as read_uncommitted, because an open transaction may hide the newest
// record from a read_committed end; the records up to there are then read as read_committed. Throws
// Halt kHaltKafka when the topic cannot be a checkpoint topic (not one partition, not compacted),
// or when its newest checkpoint record or a part that this names cannot be read or is missing.
NewestCheckpoint ReadNewestCheckpoint(KafkaCluster* cluster, const std::string& topic,
                                      std::optional<int64_t> claims_from = std::nullopt);

// The newest checkpoint (absent: the cluster has none) as src/recovery takes it.
CheckpointState StateOf(const std::optional<Checkpoint>& newest, const std::string& cluster_id);

// For start-up, when the spool was lost or the slot is ahead of it: fences a former instance, waits
// until its open transaction has ended, and reads its newest checkpoint. Throws as KafkaCluster
// does; transient when no broker answers.
CheckpointState FetchCheckpoint(KafkaCluster* cluster, const PublishOptions& options,
                                const Source& source);

}  // namespace bw
