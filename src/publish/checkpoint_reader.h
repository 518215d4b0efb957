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
  int64_t next_offset = 0;  // After everything that was looked at.
  bool topic_exists = false;
  // Topic -> table, of the committed claims from where they were asked for.
  std::map<std::string, TableName> claims;
  // max.message.bytes of the topic, if it may be read.
  std::optional<size_t> message_bytes_max;
};

// The newest committed checkpoint in this topic, and the topic claims from this offset on; a topic
// that ends before it is another one than was read before, and all of it is read. Only final when
// called after InitTransactions: before that, a commit may still be under way.
//
// The end is taken read_uncommitted, because a read_committed one may hide the newest record behind
// an open transaction; then the records up to there are read read_committed. Throws Halt kHaltKafka
// when the topic cannot be a checkpoint topic (not one partition, not compacted), or its newest
// checkpoint record or a part that this names cannot be read or is missing.
NewestCheckpoint ReadNewestCheckpoint(KafkaCluster* cluster, const std::string& topic,
                                      std::optional<int64_t> claims_from = std::nullopt);

// For the start-up code, when the spool was lost or the slot is ahead of it: fences a former
// instance, waits for what it left open, and reads what it published last. Takes the settings'
// topic prefix. Throws as KafkaCluster does; transient when no broker answers.
CheckpointState FetchCheckpoint(KafkaCluster* cluster, const PublishOptions& options,
                                const Source& source);

}  // namespace bw
