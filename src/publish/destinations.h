#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "publish/checkpoint_reader.h"
#include "publish/checkpoint_writer.h"
#include "publish/kafka.h"
#include "publish/publish_memory.h"
#include "publish/publish_options.h"
#include "publish/table_routes.h"
#include "publish/topic_claims.h"
#include "spool/spool.h"

namespace bw {

// What everything in a session works with; all of it outlives the session.
struct PublishServers {
  KafkaCluster* cluster = nullptr;
  Spool* spool = nullptr;
  Clock* clock = &Clock::Real();
  TroubleList* troubles = nullptr;  // Outages are noted here, unless it is null.
};

// Where the rows of a session go: topics, partitions, schema ids, claims. All requests to the
// registry and the admin API are made here, before a transaction begins. Belongs to one publish
// session.
//
// Partitions and claims are in a committed checkpoint before the first row is written there. The
// next session scans for torn records only in partitions that the checkpoint lists; those of any
// other partition would be published twice. And a table whose claim is not recorded could lose its
// topic to another table.
class Destinations {
 public:
  // `newest` is the checkpoint from which the session resumes; every partition that rows may go to
  // is added to `offsets`.
  Destinations(const PublishOptions& options, const PublishServers& servers, PublishMemory* memory,
               TransactionalProducer* producer, CheckpointOffsets* offsets,
               const std::string& checkpoint_topic, const NewestCheckpoint& newest);

  // Prepares everything that those rows of this batch need which `is_wanted` names (empty: all):
  // for others no topic is made and the registry is not asked. False when the registry, whose ids
  // are in every message, is unreachable: try again after registry_pause(). Throws as KafkaCluster
  // does, Halt schema-ids-lost, and a transient Error when the next session must go on with other
  // ids.
  bool Prepare(const SpoolBatch& batch, const std::function<bool(const Change&)>& is_wanted = {});
  Duration registry_pause() { return registry_backoff_.Next(); }

  TableRoutes& routes() { return routes_; }
  // After Prepare, with --on-error=dead-letter.
  const OwnTopic& dead_letters() const { return dead_letters_.value(); }
  // After Prepare, with --transaction-metadata; ids only for Avro.
  const OwnTopic& transaction_metadata() const { return transaction_metadata_.value(); }
  const RegistryIds& transaction_metadata_ids() const { return transaction_metadata_ids_; }
  // The next checkpoint must include the pending ones.
  TopicClaims& claims() { return claims_; }
  // Topics and their numbers of partitions. New topics come in the order in which they were
  // created, which is the order in which they get their leaders.
  void NotePartitions(std::span<const std::pair<std::string, int32_t>> topics);

  // Whether a checkpoint must be committed before rows are.
  bool needs_announcement() const { return needs_announcement_ || !claims_.pending().empty(); }
  // A checkpoint with all offsets and claims was committed.
  void NoteCommit();
  // A read_committed reader has received the checkpoint topic up to this offset.
  void NoteReadBack(int64_t through);

 private:
  // Both say why the registry is waited for, if it is.
  std::optional<Error> PrepareOwnTopics();
  std::optional<Error> AskForMetadataIds();
  OwnTopic PrepareOwn(const std::string& name, int32_t partitions);
  // False, and said, when there is an obstacle.
  bool IsRegistryThere(const std::optional<Error>& obstacle);
  void CompareSchemaIds();
  void NoteSchemaIds();
  void SayCollisionsOfSnapshots() const;
  void NoteIfHeld(SchemaId id);
  void ReleaseHeldTables();

  const PublishOptions& options_;
  const PublishServers servers_;
  PublishMemory* const memory_;
  CheckpointOffsets* const offsets_;
  TopicClaimNotes unnoted_claims_;  // Committed, but not yet noted in the spool.
  TopicClaims claims_;
  TableRoutes routes_;
  std::optional<OwnTopic> dead_letters_;
  std::optional<OwnTopic> transaction_metadata_;
  RegistryIds transaction_metadata_ids_;
  std::set<TableName> held_;  // As in the spool.
  bool needs_announcement_ = false;
  std::optional<TimePoint> next_comparison_;  // Of schema ids; if absent, at the first batch.
  Backoff registry_backoff_{Backoff::WhileAway()};
  AwayLog registry_away_;
};

}  // namespace bw
