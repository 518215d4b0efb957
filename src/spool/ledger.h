#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "spool/spool_state.h"

namespace rocksdb {
class WriteBatch;
}

namespace bw {

class SpoolStore;

// What the spool knows besides the changes: their source, how far they are captured and published,
// and notes about tables, topics and remedies. Each fact is one meta entry (docs/spool_format.md).
// Those that are read often are also kept in memory.
//
// Thread-safe. "Synced" means durable on return; such a call throws a transient Error when its
// entry could not be written, and then leaves memory unchanged.
//
// What must become durable together with changes is written in the change log's batches, by
// functions that only the log calls (the last section of the class):
// - `captured`, with the last changes that it covers
// - the end of a snapshot: its mark, the phase, and the removal of notes that it settles
// - a table's key and its columns' types, with or before the first changes that use them
// - the whole ledger when the spool begins anew, with the removal of all changes
// Everything else is written by itself: it is true whatever becomes of the changes around it.
class Ledger {
 public:
  // Reads what is durable. Throws Halt kSpoolUnusable when it is corrupt or of a newer version.
  Ledger(SpoolStore* store, Clock* clock);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // A copy of the marks and the identity.
  SpoolState state() const;

  // --- How far: `captured` and `published` never move back, except by RewindPublished and when
  // --- the spool begins anew ------------------------------------------------------------------

  Progress captured() const;
  Progress published() const;
  // Changes up to here may be gone.
  Position trimmed() const;
  // Waits until captured() differs from `seen`, or until `timeout`. A stop is noticed only when
  // something changes or the timeout ends, so wait a second at most.
  void WaitForCaptured(const Progress& seen, Duration timeout, const Stop& stop);
  // Kafka has committed everything up to here. A hint: not synced, and never an error. An invalid
  // end LSN (within a split transaction) keeps the previous one. Only the publishing thread calls
  // this and RewindPublished.
  void SetPublished(const Progress& published);
  // SpoolState::held_after, which each publish session says anew. A hint, as SetPublished.
  void SetHeldAfter(const std::optional<Position>& after);
  // Whether every captured change is in Kafka, those of held tables too.
  bool IsAllPublished() const;
  // Kafka is behind the hint, and an operator has allowed publishing again from there. Synced.
  void RewindPublished(const Progress& published);

  // --- Identity -------------------------------------------------------------------------------

  // The server's timeline changed and the change was found harmless. Synced.
  void SetTimeline(uint32_t timeline);
  // Does nothing when it is already set to this one. Synced.
  void SetKafkaClusterId(const std::string& cluster_id);

  // --- Remedies -------------------------------------------------------------------------------

  // An operator has allowed `remedy`. Call this before the remedy takes effect, so that a
  // checkpoint will record it whatever crashes then. Kept until ForgetRemedies, also when the spool
  // begins anew. Idempotent. Synced.
  void NoteRemedy(const std::string& remedy);
  // The noted remedies that no checkpoint is known to record yet.
  std::vector<std::string> remedies() const;
  // A committed checkpoint records them. Not synced, and never an error: after a crash another
  // checkpoint may record them again.
  void ForgetRemedies(const std::vector<std::string>& said);

  // --- Snapshots ------------------------------------------------------------------------------

  // The snapshots that this spool began with or took later, in order. Only those up to captured()
  // count.
  std::vector<SnapshotMark> snapshots() const;
  // The first of them that purges and whose tombstones are not all published yet.
  std::optional<SnapshotMark> NextPurge(const Position& published) const;

  // --- Tables to be read again ----------------------------------------------------------------

  // These tables' topics may lack changes, so the tables must be re-read. Note it before anything
  // makes the tables' changes arrive, or lets them pass. A note is kept until the snapshot of a
  // re-read that began after it ends, or until the spool begins anew. There is one note per table,
  // with the first reason; but while a re-read is under way there may be a second one, since that
  // re-read may not see what the new note stands for. Synced.
  void NoteRereads(const std::vector<TableName>& tables, const std::string& reason);
  void NoteReread(const TableName& table, const std::string& reason) {
    NoteRereads({table}, reason);
  }
  // The notes, oldest first.
  std::vector<Reread> rereads() const;
  // The table no longer exists. Does nothing when this very note is gone. Synced.
  void ForgetReread(const Reread& note);
  // Call this before deciding what a snapshot reads and before creating its slot: the end of that
  // snapshot removes the notes made before this call.
  void BeginReread();
  // The memberships of tables in a publication (OIDs of pg_publication_rel rows) that are accounted
  // for: what was missed before they began is in a snapshot, or noted for a re-read. Nothing when
  // this spool has never noted any. Setting is synced.
  std::optional<std::vector<uint32_t>> accounted_members() const;
  void SetAccountedMembers(const std::vector<uint32_t>& members);

  // --- Keys of tables, by which the messages of later changes are keyed -------------------------

  // What the stream does not tell (REPLICA IDENTITY FULL marks every column) must remain known when
  // the catalog has moved on. Notes the keys of tables that have none noted yet. Synced.
  // ChangeLog::AppendTableKey replaces one, without waiting.
  void NoteTableKeys(const std::vector<TableKey>& keys);
  std::optional<TableKey> FindTableKey(uint32_t relation) const;

  // --- Types that are not built in --------------------------------------------------------------

  // As it was when changes with values of it were captured last. ChangeLog::AppendType notes it.
  std::optional<TypeNote> FindType(uint32_t oid) const;

  // --- Topics and schema ids: only the publishing thread calls these ----------------------------

  // What was noted for this checkpoint topic; kept when the spool begins anew.
  TopicClaimNotes topic_claims(const std::string& checkpoint_topic) const;
  // Adds the tables, and moves `read_through`. Not synced, and never an error: false when it could
  // not be written and must be noted again.
  bool NoteTopicClaims(const TopicClaimNotes& fresh);
  // Tables whose changes are left out while another table has their topic. Synced.
  std::vector<TableName> held_tables() const;
  void NoteHeld(const TableName& table);
  void ForgetHeld(const TableName& table);
  // The schema registry's ids under which rows were published, by names that publish chooses.
  // Synced: a later process must know them. A new spool begins without any.
  std::map<std::string, int32_t> RegistryIds() const;
  void NoteRegistryIds(const std::map<std::string, int32_t>& ids);

  // --- For the change log: only its threads call these ------------------------------------------
  //
  // What the Put functions add to a batch counts in memory at once, except `captured`: nobody acts
  // on it before the batch is durable, and Load() forgets what did not become durable.

  void PutCaptured(const Progress& captured, const CapturedHistory& history,
                   rocksdb::WriteBatch* batch) const;
  // The batch of PutCaptured is durable.
  void SetCaptured(const Progress& captured, const CapturedHistory& history);
  // The snapshot of these tables, whose rows have this commit LSN, is complete: the phase becomes
  // kStreaming, the snapshot is marked, and notes of these tables from before BeginReread are
  // removed. A snapshot taken when the spool already streams purges.
  void PutSnapshotEnd(Lsn commit_lsn, const std::vector<TableName>& tables,
                      rocksdb::WriteBatch* batch);
  // Replaces the table's key. Adds nothing when it is unchanged.
  void PutTableKey(const TableKey& key, rocksdb::WriteBatch* batch);
  // Likewise for a type.
  void PutType(const TypeNote& type, rocksdb::WriteBatch* batch);
  // Everything as `fresh` says; remedies and topic claims stay. Load() then updates memory.
  void PutNew(const SpoolState& fresh, rocksdb::WriteBatch* batch) const;
  // Not synced. Throws a transient Error when it cannot be written: then remove nothing.
  void SetTrimmed(const Position& trimmed);
  // Reads back what is durable and forgets the rest. No batch of the log may be under way.
  void Load();

 private:
  struct Notes {
    std::vector<SnapshotMark> snapshots;
    std::vector<Reread> rereads;              // By number.
    std::map<uint32_t, TableKey> table_keys;  // By the tables' OIDs.
    std::map<uint32_t, TypeNote> types;       // By their OIDs.
  };

  SpoolState ReadState() const;
  Notes ReadNotes() const;

  // The entries, with the names and checksums of meta_format.h.
  std::optional<std::string> Get(std::string_view name) const;
  void Scan(const std::string& prefix,
            const std::function<void(std::string_view name, std::string_view body)>& visit) const;
  void Put(rocksdb::WriteBatch* batch, std::string_view name, std::string_view body) const;
  void Write(std::string_view name, std::string_view body, bool sync) const;
  void Erase(std::string_view name) const;  // Synced.
  // For a hint, or for what can be noted again: unsynced, and false instead of an error.
  bool WriteHint(const char* what, const std::function<void(rocksdb::WriteBatch*)>& put) const;

  SpoolStore* const store_;
  Clock* const clock_;

  // Held from reading an entry's old value until memory has its new one, so that no change
  // overwrites another and the disk gets them in the same order as memory. Not needed for
  // `captured` and `published`, each of which only one thread moves. Locked before mutex_, and
  // after the writer's mutex in the log's Put calls.
  std::mutex change_mutex_;
  mutable std::mutex mutex_;  // Protects what follows. Never held during a disk access.
  std::condition_variable captured_changed_;
  SpoolState state_;
  Notes notes_;
  // The newest number of a re-read note. The process never reuses one, so settling a note cannot
  // delete a later note of the same table.
  uint64_t newest_number_ = 0;
  uint64_t begun_ = 0;  // The newest note that BeginReread has seen.
};

}  // namespace bw
