#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "publish/checkpoint_offsets.h"
#include "publish/checkpoint_reader.h"
#include "publish/kafka.h"
#include "publish/publish_memory.h"
#include "publish/publish_options.h"
#include "publish/table_routes.h"
#include "publish/topic_claims.h"
#include "spool/spool.h"

namespace bw {

// What everything that publishes in one session works with; all of it outlives the session.
struct PublishServers {
  KafkaCluster* cluster = nullptr;
  Spool* spool = nullptr;
  Clock* clock = &Clock::Real();
};

// Where the rows of a session go: topics, partitions, schema ids, claims. All that asks the
// registry or the admin API happens here, before a transaction begins. Belongs to one publish
// session.
//
// Partitions and claims are in a committed checkpoint before the first row goes there: the next
// session only looks beyond the offsets of those, and a torn transaction elsewhere would be
// published twice; and a table whose claim nobody knows could lose its topic to another.
class Destinations {
 public:
  // `newest` is the checkpoint from which the session goes on; `offsets` gets every partition that
  // rows may go to.
  Destinations(const PublishOptions& options, const PublishServers& servers, PublishMemory* memory,
               TransactionalProducer* producer, CheckpointOffsets* offsets,
               const std::string& checkpoint_topic, const NewestCheckpoint& newest);

  // Makes everything ready for the rows of this batch. False when the registry, whose ids are in
  // every message, cannot be asked now; try again after registry_pause(). Throws as KafkaCluster
  // does, Halt schema-ids-lost, and a transient Error when the next session must go on with other
  // ids.
  bool Prepare(const SpoolBatch& batch);
  Duration registry_pause() { return registry_backoff_.Next(); }

  const TableRoute& RouteOf(SchemaId id) const { return routes_.Get(id); }
  // The topic that this table has or would get now; nothing when it has none, or is held.
  std::optional<std::string> TopicFor(const TableName& table) { return routes_.TopicFor(table); }
  // A topic that exists, for messages without a row; its partitions are noted.
  const OpenedTopic& Open(const std::string& topic) { return routes_.Open(topic); }
  void Claim(const std::string& topic, const TableName& table) { claims_.Claim(topic, table); }
  // By name, their numbers of partitions. New topics are in the order in which they were made,
  // which is the order in which they get their leaders.
  void NotePartitions(std::span<const std::pair<std::string, int32_t>> topics);

  // Whether a checkpoint must be committed before rows are.
  bool needs_announcement() const { return needs_announcement_ || !claims_.pending().empty(); }
  // Claims for the next checkpoint to say.
  const std::map<std::string, TableName>& pending_claims() const { return claims_.pending(); }
  // A checkpoint with all offsets and claims was committed.
  void NoteCommit();
  // A read_committed reader has received the checkpoint topic up to this offset.
  void NoteReadBack(int64_t through);

  void NoteTooLarge(const TooLargeError& error) { routes_.NoteTooLarge(error); }
  // Whose topic this is; nothing when it is nobody's.
  std::optional<TableName> TableOf(const std::string& topic) const {
    return claims_.TableOf(topic);
  }

 private:
  void CompareSchemaIds();
  void NoteSchemaIds();
  void SayCollisionsOfSnapshots() const;
  void NoteIfHeld(SchemaId id);
  void ReleaseHeldTables();

  const PublishOptions& options_;
  const PublishServers servers_;
  PublishMemory* const memory_;
  CheckpointOffsets* const offsets_;
  TopicClaimNotes unnoted_claims_;  // Committed, and not in the spool.
  TopicClaims claims_;
  TableRoutes routes_;
  std::set<TableName> held_;  // As in the spool.
  bool needs_announcement_ = false;
  std::optional<TimePoint> next_comparison_;  // Of schema ids; at the first batch when absent.
  Backoff registry_backoff_{Backoff::WhileAway()};
  AwayLog registry_away_{"Schema registry"};
};

}  // namespace bw
