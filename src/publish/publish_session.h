#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"
#include "publish/checkpoint_reader.h"
#include "publish/checkpoint_watch.h"
#include "publish/checkpoint_writer.h"
#include "publish/commit_times.h"
#include "publish/destinations.h"
#include "publish/kafka.h"
#include "publish/message_encoder.h"
#include "publish/publish_memory.h"
#include "publish/publish_options.h"
#include "publish/row_publisher.h"
#include "publish/snapshot_purge.h"
#include "publish/torn_records.h"
#include "publish/transaction_metadata.h"
#include "publish/truncate_purge.h"
#include "recovery/overrides.h"

namespace bw {

// What a session works with; all of it outlives the session.
struct PublishParts : PublishServers {
  // While it is true, sessions end and none begins. Never null.
  const std::atomic<bool>* paused = nullptr;
  Overrides overrides;  // For the decision where to resume.
  RelayPlaces places;   // For the messages of halts.
};

// One producer's life, from its init_transactions to the first error, doubt or stop. The only
// recovery is a new session, which resumes from what Kafka has committed, as the checkpoint says,
// and never from local state. Belongs to the publish thread.
//
// What is written where, in order; each step is complete before the next one starts:
//   1. data messages, acknowledged by all in-sync replicas, uncommitted
//   2. the checkpoint, likewise: its parts that have changed, then the record that names them
//   3. EndTxn(commit), which makes 1 and 2 visible together
//   4. the spool's published position (a hint)
//   5. trimming the spool, up to a checkpoint that was read back
//
// Errors that it throws: transient (start again), kFenced with kAnotherRelay (a rival instance,
// proven by its checkpoint after ours), halt kHaltKafka or the spool's, usage (--topic-config
// refused by the brokers), and row with --on-error=exit.
//
//   Start: new producer -> init_transactions -> read the checkpoint -> reconcile with the spool
//          -> look beyond the checkpoint for torn records
//   loop:
//     if an operator wants held tables to be tried again: end
//     if a table is held and was not tried yet in this session: publish what it has left in the
//     spool, in transactions that move its own position (HeldTables)
//     if a re-snapshot is next: tombstones for the keys that it does not have (SnapshotPurge), in
//     transactions like those below; their positions are just before its rows'
//     if a TRUNCATE is next: likewise, for the keys that its tables' topics hold (TruncatePurge)
//     batch := whole transactions above the published position, within the limits
//     if batch is empty and no checkpoint is due: wait for captured
//     prepare topics and schema ids (Destinations), never within a transaction
//     new partitions or claims: first a transaction with a checkpoint alone
//     begin; produce the batch except torn records; flush; produce the checkpoint; flush; commit
//     if in doubt: throw
//     published := batch's end; from time to time: read the checkpoint back, trim (CheckpointWatch)
class PublishSession {
 public:
  enum class Step {
    kPublished,     // A transaction was committed; there may be more.
    kIdle,          // Nothing to publish now.
    kRegistryAway,  // The registry, which is needed first, does not answer; wait and try again.
  };

  // The spool is in phase kStreaming. `kafka_away` is told of brokers that fall silent within a
  // transaction, and of their return; it may be null.
  PublishSession(const PublishOptions& options, const PublishParts& parts, PublishMemory* memory,
                 const Stop& stop, AwayLog* kafka_away = nullptr);
  ~PublishSession();

  // Call first. Fences older producers, and finds out where to resume.
  void Start();
  // Takes steps until a stop or a pause. A transaction that is open at a stop is finished, or given
  // up after a few seconds. Returns also when held tables are to be tried again. Calls
  // `made_progress`, unless it is empty, after the first step.
  void Run(const std::function<void()>& made_progress = {});
  // What Run repeats, without its waits. Public for the simulation, which controls time itself.
  Step TakeStep();

 private:
  // Decides where to continue; throws the Halt of ReconcilePublish. Returns the next offsets of the
  // checkpoint, none without one or when it was overridden.
  NextOffsets Resume(const std::optional<Checkpoint>& newest);
  void EnsureCheckpointTopic(bool exists);
  void FitBatchesInto(const NewestCheckpoint& newest);
  size_t CheckpointRecordBytesMax(const NewestCheckpoint& newest) const;

  SpoolBatch ReadNext(Lsn before);
  bool HasMessages(const SpoolBatch& batch) const;
  void ProduceBatch(const SpoolBatch& batch);
  Step Publish(const SpoolBatch& batch);
  bool CheckpointIsDue(const Progress& through);
  void AnnounceDestinations();
  void PauseBeforeBegin();
  void PublishBatch(const SpoolBatch& batch);
  // One Kafka transaction: what `produce` queues, and a checkpoint of the progress it returns.
  void CommitTransaction(const std::function<Progress()>& produce);
  Progress ProduceAndFlush(const std::function<Progress()>& produce);
  Error AtItsPlace(const RefusedMessageError& error) const;
  Step Purge(const SnapshotMark& snapshot);
  SnapshotPurge::Tools PurgeTools();
  Step Truncate(const SpoolBatch& batch);
  // Commits some of the tombstones of a TRUNCATE, for those of its tables that `is_now` names; with
  // the last ones, what `cover` returns.
  void TruncateOf(const Change& change, const std::function<bool(const TableName&)>& is_now,
                  const std::function<Progress()>& cover);
  // The tables that are held, according to the checkpoint. Notes those for a re-read of which the
  // spool no longer has the changes.
  HeldPositions HeldOf(const Checkpoint& newest);
  // After the look beyond the checkpoint, which must know them as held. They are told as held until
  // a commit has it.
  void ReleaseGivenUp();
  PublishedPositions WhatIsPublished(const NewestCheckpoint& newest) const;
  // Tells which tables are held now: the spool, and the figures.
  void TellHeld();
  // Publishes some of a held table's changes. Nothing when there is nothing to be done now.
  std::optional<Step> CatchUp(const TableName& table);
  void ProduceOf(const TableName& table, const SpoolBatch& batch);
  void ProduceCheckpoint(const Progress& progress);
  void ProduceCheckpointRecord(std::string_view key, std::string_view value);
  void RecordCommit(const Progress& progress);
  void WatchCheckpoint();

  const PublishOptions& options_;
  const PublishParts parts_;
  PublishMemory* memory_;
  const Stop& stop_;
  AwayLog* const kafka_away_;
  const Source source_;
  const std::string lineage_;
  const std::string checkpoint_topic_;

  std::string cluster_id_;
  std::unique_ptr<TransactionalProducer> producer_;
  OpenedTopic opened_checkpoint_;
  HeldTables held_;
  bool has_told_held_ = true;     // That there are any; at first, another session may have.
  TimePoint catch_up_at_;         // Not before: the registry, which it needs, did not answer.
  std::set<TableName> given_up_;  // No longer held, by an operator's wish, from the next commit on.
  TornRecords torn_;
  std::unique_ptr<CheckpointOffsets> offsets_;
  std::unique_ptr<Destinations> destinations_;
  std::unique_ptr<CheckpointWatch> watch_;
  MessageEncoder encoder_;
  std::unique_ptr<RowPublisher> rows_;
  std::unique_ptr<TransactionMetadata> metadata_;  // With --transaction-metadata.
  std::unique_ptr<SnapshotPurge> purge_;           // The one in progress, if any.
  std::unique_ptr<TruncatePurge> truncate_;        // Likewise.

  Progress progress_;       // Committed in Kafka.
  Progress seen_;           // What `captured` was at the last read.
  TimePoint committed_at_;  // Or the session's start.
  TimePoint contact_at_;    // When the brokers were last known to answer.

  // Of the open transaction; added to the memory's figures when it is committed.
  PublishFigures pending_;
  CommitTimes commit_times_;
  std::vector<std::string> remedies_said_;
};

}  // namespace bw
