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

// What the spool knows beside the changes: whose they are, how far they are captured and published,
// and what was noted about tables, topics and permissions. Each fact is one meta entry
// (docs/spool_format.md). Those that are asked for often are also kept in memory.
//
// Thread-safe. "Synced" means durable on return; such a call throws a transient Error when its
// entry could not be written, and then the memory stays as it was.
//
// What must become durable together with changes is written in the change log's batches, and only
// the log calls the functions for it (the last section of the class):
// - `captured`, with the last changes that it covers
// - the end of a snapshot: its mark, the phase, and the removal of the notes that it settles
// - a table's key, with or before the first changes that use it
// - the whole ledger when the spool begins anew, with the removal of all changes
// Everything else is written alone: it is true whatever becomes of the changes around it.
class Ledger {
 public:
  // Reads what is durable. Throws Halt kSpoolUnusable when that is corrupt or of a newer version.
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
  // Waits until captured() is something else than `seen`, or `timeout`. A stop is only noticed when
  // something changes or the timeout ends, so wait a second at most.
  void WaitForCaptured(const Progress& seen, Duration timeout, const Stop& stop);
  // Kafka has committed everything up to here. A hint: not synced, and never an error. An invalid
  // end LSN (within a split transaction) leaves the one before. Only the publishing thread calls
  // this and RewindPublished.
  void SetPublished(const Progress& published);
  // The publish session has learnt that Kafka is behind the hint, and an operator has allowed to
  // publish again from there. Synced.
  void RewindPublished(const Progress& published);

  // --- Whose ----------------------------------------------------------------------------------

  // The server's timeline changed and the change was found harmless. Synced.
  void SetTimeline(uint32_t timeline);
  // Does nothing when it is this one already. Synced.
  void SetKafkaClusterId(const std::string& cluster_id);

  // --- Remedies -------------------------------------------------------------------------------

  // An operator has allowed `remedy`: to be called before it takes effect, so that whatever crashes
  // then, a checkpoint will say so. Stays until ForgetRemedies, also when the spool begins anew.
  // Once, however often it is called. Synced.
  void NoteRemedy(const std::string& remedy);
  // What NoteRemedy was told and no checkpoint is known to say yet.
  std::vector<std::string> remedies() const;
  // A committed checkpoint says them. Not synced, and never an error: after a crash another
  // checkpoint may say them again.
  void ForgetRemedies(const std::vector<std::string>& said);

  // --- Snapshots ------------------------------------------------------------------------------

  // Those that this spool began with or took later, in order. Only those up to captured() count.
  std::vector<SnapshotMark> snapshots() const;
  // The first of them that purges and whose tombstones are not all at or below `published`.
  std::optional<SnapshotMark> NextPurge(const Position& published) const;

  // --- Tables to be read again ----------------------------------------------------------------

  // These tables' topics may lack changes, so they are to be read again. Note it before whatever
  // makes the tables' changes arrive, or lets them pass. A note stays until the end of a re-read's
  // snapshot that began later, or until the spool begins anew. There is one per table, with the
  // first reason, however often it is called; but while a re-read is under way there may be a
  // second one, since that re-read may not see what the new note stands for. Synced.
  void NoteRereads(const std::vector<TableName>& tables, const std::string& reason);
  void NoteReread(const TableName& table, const std::string& reason) {
    NoteRereads({table}, reason);
  }
  // Those that are noted, the oldest first.
  std::vector<Reread> rereads() const;
  // The table is no longer there. Does nothing when this very note is not there any more. Synced.
  void ForgetReread(const Reread& note);
  // To be called before it is decided what a snapshot reads and its slot is created: the end of
  // that snapshot removes the notes that were made before.
  void BeginReread();
  // Which memberships of tables in a publication (OIDs of pg_publication_rel rows) are accounted
  // for: what was missed before they began is in a snapshot, or noted for a re-read. Nothing when
  // that was never noted for this spool. Setting is synced.
  std::optional<std::vector<uint32_t>> accounted_members() const;
  void SetAccountedMembers(const std::vector<uint32_t>& members);

  // --- Keys of tables, by which the messages of later changes are keyed -------------------------

  // What the stream does not say (REPLICA IDENTITY FULL marks every column) must stay known when
  // the catalog has moved on. Notes the keys of those tables that have none yet. Synced.
  // ChangeLog::AppendTableKey replaces one, without a wait.
  void NoteTableKeys(const std::vector<TableKey>& keys);
  std::optional<TableKey> FindTableKey(uint32_t relation) const;

  // --- Topics and schema ids: only the publishing thread calls these ----------------------------

  // What was noted for this checkpoint topic; stays when the spool begins anew.
  TopicClaimNotes topic_claims(const std::string& checkpoint_topic) const;
  // Adds the tables, and moves `read_through`. Not synced, and never an error: false when it could
  // not be written, and is to be noted again.
  bool NoteTopicClaims(const TopicClaimNotes& fresh);
  // Tables whose changes are left out for as long as another table has their topic. Synced.
  std::vector<TableName> held_tables() const;
  void NoteHeld(const TableName& table);
  void ForgetHeld(const TableName& table);
  // The schema registry's ids under which rows were published, by names that publish gives them.
  // Synced: a later process must know them. A new spool begins without any.
  std::map<std::string, int32_t> RegistryIds() const;
  void NoteRegistryIds(const std::map<std::string, int32_t>& ids);

  // --- For the change log: only its threads call these ------------------------------------------
  //
  // What the Put functions add to a batch counts in memory at once, except for `captured`: nobody
  // acts on it before the batch is durable, and Load() forgets what did not become so.

  void PutCaptured(const Progress& captured, const CapturedHistory& history,
                   rocksdb::WriteBatch* batch) const;
  // The batch of PutCaptured is durable.
  void SetCaptured(const Progress& captured, const CapturedHistory& history);
  // The snapshot of these tables, whose rows have this commit LSN, is complete: the phase becomes
  // kStreaming, the snapshot is marked, and notes of these tables from before BeginReread go. A
  // snapshot that is taken while the spool streams already purges.
  void PutSnapshotEnd(Lsn commit_lsn, const std::vector<TableName>& tables,
                      rocksdb::WriteBatch* batch);
  // Replaces the key of the table. Adds nothing when it is the same.
  void PutTableKey(const TableKey& key, rocksdb::WriteBatch* batch);
  // Everything as `fresh` says; remedies and topic claims stay. The memory follows with Load().
  void PutNew(const SpoolState& fresh, rocksdb::WriteBatch* batch) const;
  // Not synced. Throws a transient Error when it could not be written: then remove nothing.
  void SetTrimmed(const Position& trimmed);
  // Reads back what is durable and forgets the rest. No batch of the log may be under way.
  void Load();

 private:
  struct Notes {
    std::vector<SnapshotMark> snapshots;
    std::vector<Reread> rereads;              // By number.
    std::map<uint32_t, TableKey> table_keys;  // By the tables' OIDs.
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
  // For a hint, or what can be noted again: unsynced, and false instead of an error.
  bool WriteHint(const char* what, const std::function<void(rocksdb::WriteBatch*)>& put) const;

  SpoolStore* const store_;
  Clock* const clock_;

  // Held while an entry is changed, from looking at what it is to remembering what it became, so
  // that no change overwrites another, and the disk gets them in the order in which the memory
  // does. Not needed for `captured` and `published`, each of which one thread moves. Comes before
  // mutex_, and after the writer's mutex in the log's Put calls.
  std::mutex change_mutex_;
  mutable std::mutex mutex_;  // Protects what follows. Never held while the disk is waited for.
  std::condition_variable captured_changed_;
  SpoolState state_;
  Notes notes_;
  // Numbers of re-read notes. None is given twice while the process lives, so settling a note
  // cannot delete one of the same table that was made later.
  uint64_t newest_number_ = 0;
  uint64_t begun_ = 0;  // The newest note that BeginReread has seen.
};

}  // namespace bw
