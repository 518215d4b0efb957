#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/latency_histogram.h"
#include "base/stop.h"
#include "spool/change.h"
#include "spool/ledger.h"
#include "spool/spool_batch.h"
#include "spool/spool_options.h"
#include "spool/spool_state.h"

namespace bw {

class DiskRoom;
class SpoolStore;
class SpoolWriter;
class ToastCache;

// What was captured and is not yet published, in replay order. Capture appends at one end, publish
// reads and trims at the other.
//
// Thread rule: one thread captures (the snapshot's readers share an appender that serialises them),
// and one publishes; each calls its own part below, also at the same time. While Recover() has the
// store closed, Read throws a transient Error and Trim does nothing. A thread of the log's own
// writes to the disk what was appended; spool_writer.h says why that is durable.
//
// Invariants:
// - `captured` covers only transactions all of whose changes were synced, in the same write batch
//   or before it. Readers see nothing above `captured`.
// - After a failed write or fsync nothing more is written: `captured` stays, and Append throws,
//   until Spool::Recover() has closed the store, reopened it and read it back. A write that failed
//   may be durable all the same; only what is read back counts.
class ChangeLog {
 public:
  ChangeLog(const SpoolOptions& options, SpoolStore* store, Ledger* ledger, DiskRoom* room);
  ~ChangeLog();
  ChangeLog(const ChangeLog&) = delete;
  ChangeLog& operator=(const ChangeLog&) = delete;

  // --- Capture --------------------------------------------------------------------------------

  // Drops what was appended but is not durable, and deletes changes above `captured` (chunks of an
  // unfinished transaction). The first call of each capture session. Throws a transient Error when
  // the store cannot be read or written; then Append throws until a call has succeeded.
  void DropUncaptured();
  // The id of this schema; equal schemas have the same id. A new schema becomes durable with, or
  // before, the first transaction that uses it.
  SchemaId AddSchema(const TableSchema& schema);
  // Like Ledger::NoteTableKeys, but without waiting: becomes durable with, or before, the changes
  // that are appended next.
  void AppendTableKey(const TableKey& key);
  // Notes a type of which the changes that are appended next have values. Becomes durable with, or
  // before, them.
  void AppendType(const TypeNote& type);
  // Appends one change of a transaction that is being received. Positions must rise. Does not wait:
  // see WaitForRoom. Throws a transient Error after a failed write.
  void Append(const Change& change);
  // The transaction is complete: it becomes durable in one group commit with everything before it.
  void EndTransaction(const TransactionEnd& end);
  // The snapshot of these tables is complete: like EndTransaction, with Ledger::PutSnapshotEnd in
  // the same batch. Returns true when it is durable, false when a stop was requested first.
  bool EndSnapshot(const TransactionEnd& end, const std::vector<TableName>& tables,
                   const Stop& stop);
  // The WAL up to `end_lsn` has no more changes for us. Call only when no transaction is being
  // received.
  void AdvanceIdle(Lsn end_lsn);
  // Whether less than SpoolOptions::pending_bytes_max is waiting to be written.
  bool HasRoom() const;
  // The first waits until HasRoom(), the second until everything appended so far is durable. False
  // when a stop is requested (noticed within a second) or the deadline passes first. Both throw a
  // transient Error after a failed write.
  bool WaitForRoom(const Stop& stop, TimePoint deadline = TimePoint::max());
  bool WaitUntilDurable(const Stop& stop, TimePoint deadline = TimePoint::max());
  // The newest large values of the tables' rows. They become durable with the changes that are
  // appended around them, and are forgotten with those. The capturing thread's.
  ToastCache& toast() { return *toast_; }
  // Why nothing can be written now ("the disk ... is full"); nothing when writing is possible.
  // Thread-safe.
  std::optional<std::string> Obstacle() const;

  // --- Publish --------------------------------------------------------------------------------

  // The next changes above `after`, up to `captured`: whole transactions if at least one fits the
  // limits, else a part of one; through().end_lsn is then invalid. A batch without changes has
  // through() == captured. Throws a transient Error when the store cannot be read now, Halt
  // kSpoolUnusable when its data is corrupt: corrupt data is never returned.
  SpoolBatch Read(const Position& after, const ReadLimits& limits) const;
  // The schema with this id. The reference stays valid as long as the log.
  const TableSchema& Schema(SchemaId id) const;
  // Removes changes up to `through`, as far as whole files allow. Call only with a checkpoint that
  // was read back from Kafka, read_committed. Never fails: a later call removes what this one could
  // not.
  void Trim(const Position& through);

  // Number of changes that became durable since the process started. Thread-safe.
  uint64_t changes_captured() const;
  // Bytes handed to Append since the process started, before compression. Thread-safe.
  uint64_t bytes_appended() const { return bytes_appended_.load(std::memory_order_relaxed); }
  // From a transaction's commit in PostgreSQL until it was durable here. Thread-safe.
  const LatencyHistogram& commit_to_spool() const;
  // About how many changes lie above `after`: exact to a file of RocksDB's. Looks at the files'
  // headers only. Thread-safe; 0 while the store is closed.
  uint64_t EstimateChangesAfter(const Position& after) const;

  // --- For Spool ------------------------------------------------------------------------------

  // Replaces everything, including the ledger, with `fresh` under a new lineage, in one synced
  // batch.
  void BeginAnew(SpoolState fresh);
  // Whether the writer has failed, or is suspended until DropUncaptured() or Recover() succeeds.
  // Thread-safe.
  bool failed() const;
  // Reopens the store after a failed write, and reads back what is durable.
  void Recover();

 private:
  // From the ledger and the schemas on the disk.
  void Load();
  void LoadSchemas();
  void DeleteUncaptured();
  // Ends writer_->Suspend(), once the ledger and the changes are in their final state.
  void Resume();
  void AppendEnd(const TransactionEnd& end);
  // Hands newest_ended_ to the writer.
  void End();

  SpoolStore* const store_;
  Ledger* const ledger_;
  const std::unique_ptr<ToastCache> toast_;

  mutable std::mutex schemas_mutex_;  // Protects the two maps.
  std::map<SchemaId, TableSchema> schemas_;
  std::map<std::string, SchemaId> schema_ids_;  // By encoded schema.

  // The capturing thread's own.
  Position newest_appended_;
  Progress newest_ended_;               // Ended, durable or not.
  CapturedHistory newest_history_;      // Likewise.
  uint64_t changes_ = 0;                // Appended and not dropped, since the process started.
  std::string record_;                  // Reused.
  const bool tallies_;                  // SpoolOptions::tally_transactions.
  std::map<SchemaId, uint64_t> tally_;  // Of the transaction that is being received.

  std::atomic<uint64_t> bytes_appended_{0};

  std::unique_ptr<SpoolWriter> writer_;  // Last: its thread uses the store and the ledger.
};

}  // namespace bw
