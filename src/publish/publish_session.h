#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"
#include "publish/checkpoint_reader.h"
#include "publish/checkpoint_writer.h"
#include "publish/kafka.h"
#include "publish/leftover_keys.h"
#include "publish/message_encoder.h"
#include "publish/publish_memory.h"
#include "publish/publish_options.h"
#include "publish/table_routes.h"
#include "publish/topic_claims.h"
#include "publish/torn_records.h"
#include "spool/spool.h"

namespace bw {

// Publishing goes on behind `progress`.
struct ResumeFrom {
  Progress progress;
  NextOffsets next_offsets;  // Of the checkpoint; empty without one, or when it was overridden.
  // Set when an operator's permission was needed: what it overrode, for the log and the checkpoint.
  // The spool's hint is then rewound to `progress`.
  std::string remedy;
  // The spool's snapshot supersedes what was published with this lineage.
  std::optional<std::string> supersedes;
};

// Compares what the spool remembers with what Kafka says was published, and throws a Halt where the
// two contradict each other. `state` is absent or present, read after init_transactions. The table
// of cases is the relay's (relay/reconcile.h).
using CheckpointReconciler = std::function<ResumeFrom(
    const SpoolState& spool, const CheckpointState& state, const std::string& cluster_id)>;

// What a session works with; all of it outlives the session.
struct PublishParts {
  KafkaCluster* cluster = nullptr;
  Spool* spool = nullptr;
  Clock* clock = &Clock::Real();
  CheckpointReconciler reconcile;
};

// One producer's life: from its init_transactions to the first error, doubt or stop. There is no
// other recovery than a new session: what Kafka has committed, as the checkpoint says, is where it
// goes on, never what this side believes. Belongs to the publish thread.
//
// What is written where, in order; nothing on a line starts before the line above is done:
//   1. data messages, acknowledged by all in-sync replicas, uncommitted
//   2. the checkpoint, likewise: its parts that have changed, then the record that names them
//   3. EndTxn(commit), which makes 1 and 2 visible together
//   4. the spool's published position (a hint)
//   5. the spool's trimming, up to a checkpoint that was read back
//
// Errors that leave it: transient (start again), kFenced with kAnotherRelay (a rival instance,
// proven by its checkpoint behind ours), halt kHaltKafka or the spool's, usage (--topic-config
// refused by the brokers), and row with --on-error=exit.
//
//   Start: new producer -> init_transactions -> read the checkpoint -> reconcile with the spool
//          -> look behind the checkpoint for torn records
//   loop:
//     if a re-snapshot is next: tombstones for the keys it no longer has, in transactions like
//     those
//       below; their positions are just before its rows'
//     batch := whole transactions above the published position, within the limits
//     if batch is empty and no checkpoint is due: read back, trim, wait for captured
//     prepare topics and schema ids                            (nothing of that in a transaction)
//     partitions and claims of topics that are new: first a transaction of a checkpoint alone that
//     names them
//     begin; produce the batch, but for torn records; flush; produce the checkpoint; flush; commit
//     if in doubt: throw
//     published := batch's end; now and then: read the checkpoint back, trim the spool
class PublishSession {
 public:
  enum class Step {
    kPublished,     // A transaction was committed; there may be more.
    kIdle,          // Nothing to publish now.
    kRegistryAway,  // There is, but the registry does not answer; ask again after a while.
  };

  // The spool is in phase kStreaming.
  PublishSession(const PublishOptions& options, const PublishParts& parts, PublishMemory* memory,
                 const Stop& stop);
  ~PublishSession();

  // First: fences what was before, and finds out where to go on.
  void Start();
  // Steps, until a stop. A transaction that is open when the stop comes is finished, or given up
  // after a few seconds.
  void Run();
  // For the simulation, which decides itself when time passes: what Run does, without its waits.
  Step TakeStep();

 private:
  void Resume(const ResumeFrom& resume);
  void EnsureCheckpointTopic(bool exists);
  void LookBehindCheckpoint();
  void LoadClaims(const NewestCheckpoint& newest);
  void SayCollisionsOfSnapshots() const;
  void NoteHeldTables(SchemaId id);
  void ReleaseHeldTables();
  void FitBatchesInto(const NewestCheckpoint& newest);
  void MakeCheckpointWriter(const NewestCheckpoint& newest);
  void NoteNextOffset(const TopicPartition& partition, int64_t offset);
  void CheckNoRival(const Checkpoint& checkpoint) const;

  SpoolBatch ReadNext(Lsn before);
  Step Publish(const SpoolBatch& batch);
  bool CheckpointIsDue(const Progress& through);
  void CompareSchemaIds();
  void NoteSchemaIds();
  bool Prepare(const SpoolBatch& batch);
  // By name, their numbers of partitions. New topics are in the order in which they were made,
  // which is the order in which they get their leaders.
  void NotePartitions(std::span<const std::pair<std::string, int32_t>> topics);
  void AnnouncePartitions();
  void PauseBeforeBegin();
  void PublishBatch(const SpoolBatch& batch);
  // One Kafka transaction: what `produce` queues, and the checkpoint of how far that goes, which is
  // returned.
  Progress CommitTransaction(const std::function<Progress()>& produce);
  Progress ProduceAndFlush(const std::function<Progress()>& produce);
  Error AtItsPlace(const RefusedMessageError& error) const;
  Step Purge(const SnapshotMark& snapshot);
  bool FindLeftovers(const SnapshotMark& snapshot);
  bool AddSnapshotRows(const SnapshotMark& snapshot, const std::map<std::string, size_t>& topics,
                       LeftoverKeys* leftovers);
  void AddSnapshotRow(const Change& change, const TableRoute& route, size_t topic,
                      LeftoverKeys* leftovers);
  Progress ProduceTombstones(const SnapshotMark& snapshot);
  void PublishChange(const Change& change);
  std::optional<std::string_view> PartitioningKey(std::optional<std::string_view> key) const;
  void Refuse(const Change& change, const TableRoute& route, const std::string& reason);
  void SayRefused(const std::string& text);
  // Whether the row of a table that has lost its key comes again, once the table has one.
  bool ComesAgain(const Change& change);
  void ProduceCheckpoint(const Progress& progress);
  void ProduceCheckpointRecord(std::string_view key, std::string_view value);
  void HideTornOffsets(const Progress& progress);
  void RecordCommit(const Progress& progress);
  void ReadBackIfDue();
  void ReadBack();

  const PublishOptions& options_;
  const PublishParts parts_;
  PublishMemory* memory_;
  const Stop& stop_;
  const Source source_;
  const std::string lineage_;
  const std::string checkpoint_topic_;

  std::string cluster_id_;
  std::unique_ptr<TransactionalProducer> producer_;
  OpenedTopic opened_checkpoint_;
  std::unique_ptr<CheckpointWriter> checkpoint_writer_;
  std::unique_ptr<CommittedFollower> follower_;  // Of the checkpoint topic.
  std::unique_ptr<TopicClaims> claims_;
  TopicClaimNotes unnoted_claims_;  // Committed, and not in the spool.
  std::set<TableName> held_;        // As in the spool.
  std::unique_ptr<TableRoutes> routes_;
  MessageEncoder encoder_;
  TornRecords torn_;
  NextOffsets torn_from_;  // Before them, in each partition that holds any.

  Progress progress_;         // Committed in Kafka.
  NextOffsets next_offsets_;  // Behind what is committed; set by NoteNextOffset.
  // All of next_offsets_ are in a committed checkpoint, and all claims in a committed record.
  bool partitions_announced_ = true;
  Progress seen_;                            // What `captured` was at the last read.
  std::unique_ptr<LeftoverKeys> leftovers_;  // While a purge goes on.
  Position next_tombstone_;                  // Of leftovers_.

  TimePoint committed_at_;                 // Or the session's start.
  TimePoint contact_at_;                   // When the brokers were last known to answer.
  TimePoint read_back_at_;                 // When we last looked.
  std::optional<TimePoint> unseen_since_;  // The oldest commit that was not read back yet.

  std::vector<std::string> remedies_said_;  // By the newest checkpoint that was produced.
  // Of the open transaction, added to the figures when it is committed.
  PublishFigures pending_;
  // The tables that are read again, and before which commit; as of the first question in the open
  // transaction.
  std::optional<std::map<TableName, Lsn>> rereads_;
  std::optional<TimePoint> refusal_said_at_;

  std::optional<TimePoint> next_comparison_;  // Of schema ids; at the first batch when absent.
  Backoff registry_backoff_{Backoff::WhileAway()};
  AwayLog registry_away_{"Schema registry"};
};

}  // namespace bw
