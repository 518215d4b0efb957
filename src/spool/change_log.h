#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
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

// What was captured and is not yet published, in replay order. Capture appends at one end, publish
// reads and trims at the other.
//
// Thread rule: one thread may capture (the snapshot's readers share an appender that serialises
// them), and one may publish; each calls its own part below. Both parts may be called at the same
// time: while Recover() has the store closed, Read throws a transient Error and Trim does nothing.
// A thread of the log's own brings to the disk what was appended. spool_writer.h says why that is
// durable.
//
// Invariants:
// - `captured` only covers transactions whose every change was synced, in the same write batch or
//   before it. Readers see nothing above `captured`.
// - After a failed write or fsync nothing is written any more: `captured` stays, Append throws, and
//   only Spool::Recover(), which closes the store, opens it again and reads it back, returns to
//   work. A write that failed may be durable all the same; only what is read back counts.
class ChangeLog {
 public:
  ChangeLog(const SpoolOptions& options, SpoolStore* store, Ledger* ledger, DiskRoom* room);
  ~ChangeLog();
  ChangeLog(const ChangeLog&) = delete;
  ChangeLog& operator=(const ChangeLog&) = delete;

  // --- Capture --------------------------------------------------------------------------------

  // Forgets what was appended and is not durable, and deletes changes above `captured` (chunks of a
  // transaction that was being received). First call of each capture session. Throws a transient
  // Error when the store cannot be read or written; then Append throws until this has succeeded.
  void DropUncaptured();
  // The id of this schema, the same for an equal one. A new schema becomes durable with, or before,
  // the first transaction that uses it.
  SchemaId AddSchema(const TableSchema& schema);
  // Like Ledger::NoteTableKeys, without a wait: durable with, or before, the changes that are
  // appended next.
  void AppendTableKey(const TableKey& key);
  // Appends one change of a transaction that is being received. Positions must rise. Does not wait:
  // see WaitForRoom. Throws a transient Error after a failed write.
  void Append(const Change& change);
  // The transaction is complete: it, with everything before it, becomes one group commit.
  void EndTransaction(const TransactionEnd& end);
  // The snapshot of these tables is complete: like EndTransaction, and in the same batch what
  // Ledger::PutSnapshotEnd says. Returns true when it is durable, false when a stop was requested
  // before.
  bool EndSnapshot(const TransactionEnd& end, const std::vector<TableName>& tables,
                   const Stop& stop);
  // WAL without changes for us ended at `end_lsn`. Only call when no transaction is being received.
  void AdvanceIdle(Lsn end_lsn);
  // Whether less than SpoolOptions::pending_bytes_max is waiting to be written.
  bool HasRoom() const;
  // The first waits until HasRoom(), the second until everything appended so far is durable. False
  // when a stop was requested (noticed within a second), or the deadline has passed, before that.
  // Both throw a transient Error after a failed write.
  bool WaitForRoom(const Stop& stop, TimePoint deadline = TimePoint::max());
  bool WaitUntilDurable(const Stop& stop, TimePoint deadline = TimePoint::max());
  // Why nothing can be written now ("the disk ... is full"), or nothing when all is well.
  // Thread-safe.
  std::optional<std::string> Obstacle() const;

  // --- Publish --------------------------------------------------------------------------------

  // The next changes above `after`, up to `captured`: whole transactions as long as one fits the
  // limits, else a part of one, and then through().end_lsn is invalid. A batch without changes has
  // through() == captured. Throws a transient Error when the store cannot be read now, Halt
  // kSpoolUnusable when what it holds is corrupt: corrupt data is never returned.
  SpoolBatch Read(const Position& after, const ReadLimits& limits) const;
  // The schema with this id. The reference stays valid as long as the log.
  const TableSchema& Schema(SchemaId id) const;
  // Removes changes up to `through`, as far as whole files allow. Call only with what was read back
  // from Kafka, read_committed. Never an error: a later call covers what this one could not.
  void Trim(const Position& through);

  // Changes that became durable since the process started. Thread-safe.
  uint64_t changes_captured() const;

  // --- For Spool ------------------------------------------------------------------------------

  // Replaces everything, the ledger's too, by `fresh` under a new lineage, in one synced batch.
  void BeginAnew(SpoolState fresh);
  // Whether the writer has failed, or is suspended because a DropUncaptured() or Recover() has not
  // succeeded. Thread-safe.
  bool failed() const;
  // Reopens the store after a failed write, and reads back what is durable.
  void Recover();

 private:
  // From the ledger, and from the schemas on the disk.
  void Load();
  void LoadSchemas();
  void DeleteUncaptured();
  // After writer_->Suspend(), when the ledger and the changes are as they are to be.
  void Resume();
  void AppendEnd(const TransactionEnd& end);

  SpoolStore* const store_;
  Ledger* const ledger_;

  mutable std::mutex schemas_mutex_;  // Protects the two maps.
  std::map<SchemaId, TableSchema> schemas_;
  std::map<std::string, SchemaId> schema_ids_;  // By encoded schema.

  // The capturing thread's own.
  Position newest_appended_;
  Progress newest_ended_;           // Ended, durable or not.
  CapturedHistory newest_history_;  // Likewise.
  uint64_t changes_ = 0;            // Appended and not dropped, since the process started.
  std::string record_;              // Reused.

  std::unique_ptr<SpoolWriter> writer_;  // Last: its thread uses the store and the ledger.
};

}  // namespace bw
