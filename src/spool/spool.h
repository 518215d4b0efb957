#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/stop.h"
#include "spool/change.h"
#include "spool/scratch_set.h"
#include "spool/spool_batch.h"
#include "spool/spool_options.h"
#include "spool/spool_state.h"

namespace bw {

// The durable middle: what was captured and is not yet published, in replay order.
//
// One thread may capture (the methods of the capture part; the snapshot's several readers share an
// appender that serialises them), one may publish. A writer thread of the spool's own groups
// whatever arrived while the last fsync ran into the next synced batch:
//
//   loop: wait for appended changes; take them all; write them in one batch, with the new
//         `captured` if a transaction ended; fsync; tell capture and publish
//
// Invariants:
// - `captured` only covers transactions whose every change was synced, in the same write batch or
//   before it. Readers see nothing above `captured`.
// - `captured` and `published` never move back, except through Reset.
// - After a failed write or fsync nothing is written any more: captured() stays, Append throws, and
//   only Recover(), which closes and opens again and reads the tail back, returns to work. A write
//   that failed may be durable all the same; only what is read back counts.
class Spool {
 public:
  // Opens or creates. Throws Halt errors: kAnotherRelay when another process holds the lock,
  // kSpoolUnusable when the directory cannot be used or its content is corrupt (with the remedy).
  static std::unique_ptr<Spool> Open(const SpoolOptions& options);
  // Whether a spool is there at all, without opening or creating one.
  static bool Exists(const SpoolOptions& options);
  // Whether its disk has room enough to open it. On a full disk RocksDB does not fail to open but
  // aborts the process (7.8 with assertions, as Debian builds it): wait for room first.
  static bool HasRoomToOpen(const SpoolOptions& options);

  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // A copy of the durable state and hints. Thread-safe.
  SpoolState state() const;
  Progress captured() const;
  Progress published() const;

  // --- Life: called by the start-up code, before capture and publish run -----------------------

  // Empties the spool and gives it a new lineage: phase kFirstStart for `source`. Synced. Written
  // before the slot is created, so that a crash finds the intent and starts over.
  // `supersedes` is set for a re-snapshot, as in SpoolState.
  void BeginFirstStart(const Source& source,
                       const std::optional<std::vector<std::string>>& supersedes = std::nullopt);
  // Phase kStreaming at `captured` with a new lineage, for a spool whose own changes do not matter
  // (any more): one that was lost and goes on from the checkpoint, an older copy that jumps to the
  // checkpoint, or one that adopts a slot. `predecessor` is the checkpoint's lineage, empty when
  // there is none. Synced.
  void BeginStreamingAt(const Source& source, const Progress& captured,
                        const std::string& predecessor);
  // The server's timeline changed and the change was found harmless. Synced.
  void SetTimeline(uint32_t timeline);
  // An operator has allowed `remedy`: to be called before it takes effect, so that whatever crashes
  // then, a checkpoint will say so. Stays until ForgetRemedies, also when the spool begins anew.
  // Once, however often it is called. Synced. Thread-safe, as ForgetRemedies.
  void NoteRemedy(const std::string& remedy);

  // This table's topic may lack changes: it is to be read again. Durable on return: note it before
  // whatever makes the table's changes arrive, or lets them pass. Stays until EndSnapshot of a
  // re-read that began later, or until the spool begins anew. Once per table, with the first
  // reason, however often it is called; but while a re-read is under way, once more, since that
  // re-read may not see what the new note stands for. Throws a transient Error when it cannot be
  // written. Thread-safe, as what follows here.
  void NoteReread(const TableName& table, const std::string& reason);
  void NoteRereads(const std::vector<TableName>& tables, const std::string& reason);
  // Those that are noted, the oldest first.
  std::vector<Reread> rereads() const;
  // The table is no longer there. Does nothing when this very note is not there any more. Synced.
  void ForgetReread(const Reread& note);
  // Which memberships of tables in a publication (OIDs of pg_publication_rel rows) are accounted
  // for: what was missed before they began is in a snapshot, or noted for a re-read. Nothing when
  // that was never noted for this spool. Thread-safe; setting is synced.
  std::optional<std::vector<uint32_t>> accounted_members() const;
  void SetAccountedMembers(const std::vector<uint32_t>& members);
  // To be called before it is decided what a snapshot reads and its slot is created: EndSnapshot
  // removes the notes that were made before.
  void BeginReread();

  // The keys of tables, by which the messages of later changes are keyed: what the stream does not
  // say (REPLICA IDENTITY FULL marks every column) must stay known when the catalog has moved on.
  // Notes those of tables that have none yet. Durable on return. Throws a transient Error when they
  // cannot be written. Thread-safe, as FindTableKey.
  void NoteTableKeys(const std::vector<TableKey>& keys);
  std::optional<TableKey> FindTableKey(uint32_t relation) const;

  // --- Capture --------------------------------------------------------------------------------

  // Forgets what was appended and not committed, and deletes changes above `captured` (chunks of a
  // transaction that was being received). First call of each capture session.
  void DropUncaptured();
  // The id of this schema, the same for an equal one. A new schema becomes durable with, or before,
  // the first transaction that uses it.
  SchemaId AddSchema(const TableSchema& schema);
  // Like NoteTableKeys, without a wait: durable with, or before, the changes that are appended
  // next.
  void AppendTableKey(const TableKey& key);
  // Appends one change of a transaction that is being received. Positions must rise. Does not wait:
  // see WaitForRoom. Throws a transient Error after a failed write.
  void Append(const Change& change);
  // The transaction is complete: it, with everything before it, becomes one group commit.
  void EndTransaction(const TransactionEnd& end);
  // The snapshot of these tables is complete: like EndTransaction, and in the same batch the phase
  // becomes kStreaming, the snapshot is marked, and notes of these tables from before BeginReread
  // go. One that is taken while the spool streams already purges. Returns true when it is durable,
  // false when a stop was requested before.
  bool EndSnapshot(const TransactionEnd& end, const std::vector<TableName>& tables,
                   const Stop& stop);
  // WAL without changes for us ended at `end_lsn`. Only call when no transaction is being received.
  void AdvanceIdle(Lsn end_lsn);
  // Whether Append may be called without growing beyond pending_bytes_max.
  bool HasRoom() const;
  // Waits until HasRoom(), but no longer than `timeout`. A stop is seen when something changes or
  // the timeout ends, so wait a second at most. True when there is room. Throws a transient Error
  // after a failed write.
  bool WaitForRoom(Duration timeout, const Stop& stop);
  // Waits until everything appended so far is durable; false on timeout or stop, which is seen as
  // above. Throws a transient Error after a failed write.
  bool WaitUntilDurable(Duration timeout, const Stop& stop);
  // Why nothing can be written now ("disk full: ..."), or nothing when all is well.
  std::optional<std::string> Obstacle() const;
  // Whether a write failed: Append will throw until Recover() succeeds.
  bool failed() const;
  // Closes, opens again and re-reads the tail after a failed write; does nothing when none failed.
  // Throws a transient Error when the store cannot be opened yet, a Halt when it is corrupt.
  void Recover();

  // --- Publish --------------------------------------------------------------------------------

  // The next changes above `after`, up to `captured`: whole transactions as long as one fits the
  // limits, else a part of one, and then through().end_lsn is invalid. A batch without changes has
  // through() == captured. Throws a transient Error
  // when the store cannot be read now, Halt kSpoolUnusable when what it holds is corrupt: corrupt
  // data is never returned.
  SpoolBatch Read(const Position& after, const ReadLimits& limits);
  // The schema with this id. The reference stays valid as long as the spool.
  const TableSchema& Schema(SchemaId id);
  // Waits until captured() is something else than `seen`, or `timeout`. A stop is seen when
  // something changes or the timeout ends, so wait a second at most.
  void WaitForCaptured(const Progress& seen, Duration timeout, const Stop& stop);
  // Kafka has committed everything up to here. A hint: not synced, and never an error. An invalid
  // end LSN (within a split transaction) leaves the one before.
  void SetPublished(const Progress& published);
  // The publish session has learnt that Kafka is behind the hint, and an operator has allowed to
  // publish again from there. Synced.
  void RewindPublished(const Progress& published);
  void SetKafkaClusterId(const std::string& cluster_id);
  // The schema registry's ids under which rows were published, by names that publish gives them.
  // Synced: a later process must know them. A new spool begins without any.
  std::map<std::string, int32_t> RegistryIds();
  void NoteRegistryIds(const std::map<std::string, int32_t>& ids);
  // The snapshots that this spool began with or took later, in order. Only those up to captured()
  // count.
  std::vector<SnapshotMark> snapshots() const;
  // The first of them that purges and whose tombstones are not all at or below `published`.
  std::optional<SnapshotMark> NextPurge(const Position& published) const;
  // What NoteRemedy was told and no checkpoint is known to say yet.
  std::vector<std::string> remedies() const;
  // A committed checkpoint says them. Not synced, and never an error: after a crash another
  // checkpoint may say them again.
  void ForgetRemedies(const std::vector<std::string>& said);
  // An operator has allowed that the snapshot, of which nothing is published yet, supersedes what
  // was published with this lineage. Synced.
  void Supersede(const std::string& lineage);
  // An empty set on the spool's disk, for what does not fit into memory. One at a time.
  std::unique_ptr<ScratchSet> MakeScratch();
  // Removes changes up to `through`, as far as whole files allow. Call only with what was read back
  // from Kafka, read_committed. Never an error: the next call covers what this one could not.
  void Trim(const Position& through);

  // What was noted for this checkpoint topic; stays when the spool begins anew.
  TopicClaimNotes topic_claims(const std::string& checkpoint_topic) const;
  // Adds the tables, and moves `read_through`. Not synced, and never an error: false when it could
  // not be written, and is to be noted again.
  bool NoteTopicClaims(const TopicClaimNotes& fresh);
  // Tables whose changes are left out for as long as another table has their topic. Synced.
  std::vector<TableName> held_tables() const;
  void NoteHeld(const TableName& table);
  void ForgetHeld(const TableName& table);

  // --- Figures, thread-safe -------------------------------------------------------------------

  struct Figures {
    uint64_t changes_captured = 0;  // Since the process started, durable.
    uint64_t bytes_on_disk = 0;
    uint64_t syncs = 0;
  };
  Figures figures() const;

 private:
  class Impl;
  explicit Spool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bw
