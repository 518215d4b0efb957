#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/lsn.h"
#include "publish/checkpoint_reader.h"
#include "publish/kafka.h"
#include "publish/publish_options.h"
#include "spool/spool_state.h"

// Replay record, in the relay's checkpoint topic := key "replay" | value
// value := JSON object with exactly these members:
//   "format"  1
//   "from"    "2/44DAB970": what committed from this LSN on is being published again
//   "crc32c"  as in checkpoint_format.h
// A replay into the relay's own topics has begun and not ended, as long as this record is newer
// than the newest checkpoint and its value is not null.

namespace bw {

inline constexpr std::string_view kReplayKey = "replay";

std::string EncodeReplayMark(Lsn from);
// Throws Halt kHaltKafka, naming `where`, when the value is unreadable.
Lsn DecodeReplayMark(std::string_view value, const std::string& where);

// Takes a relay's place in Kafka, by its transactional.id, and marks its checkpoint topic.
//
// What newest() says is final: a relay that publishes meanwhile has to begin a new session, which
// fences this object and finds the mark, if it is set. Set and Clear then throw. They return when
// the record is committed, and throw a transient Error when that is in doubt.
class ReplayMark {
 public:
  // Fences the relay, waits until its open transaction has ended, and reads its checkpoint topic:
  // the claims from offset `claims_from` on. Throws as KafkaCluster does.
  ReplayMark(KafkaCluster* cluster, const PublishOptions& options, const Source& relay,
             int64_t claims_from);

  const NewestCheckpoint& newest() const { return newest_; }
  CheckpointState state() const { return StateOf(newest_.checkpoint, cluster_id_); }
  // Call only with a checkpoint in newest().
  void Set(Lsn from) { Write(EncodeReplayMark(from)); }
  void Clear() { Write(std::nullopt); }

 private:
  void Write(std::optional<std::string_view> value);

  const std::string topic_;
  const std::string cluster_id_;
  const std::unique_ptr<TransactionalProducer> producer_;
  NewestCheckpoint newest_;
};

}  // namespace bw
