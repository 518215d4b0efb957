#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "capture/capture_figures.h"
#include "capture/captured_table.h"
#include "capture/change_assembler.h"
#include "capture/full_key.h"
#include "capture/publication.h"
#include "capture/table_filter.h"
#include "spool/spool.h"

namespace bw {

class ServerCatalog;

// Notes in the spool each table's key and name as the messages in its topic have them. When they
// change or are unknown, the topic no longer mirrors the table: then the table is noted for
// re-reading (Ledger::NoteReread) and the log says why.
//
//   with REPLICA IDENTITY FULL, the noted key stays until the table has been re-read
//   any other key is what the stream says, from its first row on
//   a table that is not selected is noted without a name when one of its rows is dropped
//
// For one session, on its thread. All methods may throw transient Errors.
class KeyWatch {
 public:
  // `catalog` is asked on the session's thread, so it must not wait for a lock.
  KeyWatch(Spool* spool, CaptureFigures* figures, ServerCatalog* catalog)
      : spool_(spool), figures_(figures), catalog_(catalog) {}

  // RelationCache::KeyLookup.
  FullKey Choose(RelationId relation, const Table& table, ReplicaIdentity identity) const;
  // ChangeAssembler::Hooks.
  void OnUsed(const CachedRelation& relation, Position position);
  void OnKeyless(const CachedRelation& relation, const KeylessChange& change);

 private:
  // A row of it was dropped.
  void LeaveOut(RelationId relation);
  void SayGuessed(const CachedRelation& relation, Position position);
  void SayChanged(const TableKey& kept, const TableKey& now, Position position);
  void SayUnsent(const CachedRelation& relation, const KeylessChange& change);
  // The table as it is now; nothing when it was dropped.
  std::optional<CapturedTable> Describe(RelationId relation) const;
  // Notes the table for re-reading. Returns what will become of its topic: the end of a message.
  std::string Heal(RelationId relation, const TableName& in_wal, const std::string& reason);

  Spool* const spool_;
  CaptureFigures* const figures_;
  ServerCatalog* const catalog_;
  std::set<uint32_t> told_;  // Relations whose keyless changes were reported.
};

// Compares each table's name and key in the catalog with the noted ones, and notes the table for
// re-reading when they differ. The stream tells that for most tables, with their next row; but not
// for the key of REPLICA IDENTITY FULL, nor in the cases of IsOutdated. Also notes the keys of
// tables with REPLICA IDENTITY FULL that have none noted yet. Leaves out tables whose rows come
// under another name, or not at all: those are not `is_captured`. Thread-safe. Throws transient
// Errors when the spool cannot be written.
void CheckKeys(const std::vector<CapturedTable>& tables,
               const std::function<bool(const CapturedTable& table)>& is_captured, Spool* spool);

using WarnOfTable = std::function<void(const std::string& table, const std::string& text)>;

// Notes for re-reading each partitioned table whose updates or deletes these publications publish
// under its own name, although a leaf has a replica identity without its key: the stream does not
// identify that leaf's rows. The table is re-read once its leaves fit. `warn` gets the table and
// what to do. Thread-safe; throws as CheckKeys does.
void CheckLeaves(const std::vector<CapturedTable>& tables,
                 const std::vector<Publication>& publications, const TableFilter& filter,
                 Spool* spool, const WarnOfTable& warn);

// What the stream has said about a relation: the name and key under which its rows arrive.
struct ToldRelation {
  TableKey form;  // Without its schema.
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
};

// Whether rows keep arriving under an outdated name or key. pgoutput announces a relation again
// when that very relation was altered; but PostgreSQL 15 announces, only after a reconnect,
//
//   a schema that was renamed
//   with publish_via_partition_root, a root that was renamed, moved or got another replica
//     identity: it checks only the leaf that has the row, which was not altered
//
// Pure.
bool IsOutdated(const ToldRelation& told, const CapturedTable& now);

}  // namespace bw
