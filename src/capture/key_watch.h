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

// Keeps each table's key and name, as the messages in its topic have them, in the spool, and sees
// to it that the topic becomes its table again when they change or cannot be told: the table is
// noted for re-reading (Ledger::NoteReread) and the log says why.
//
//   a key of REPLICA IDENTITY FULL stays the one that is kept, until the table was read again
//   any other is what the stream says, from its first row on
//   a table of which a row was dropped, since it is not selected, is kept under no name
//
// For one session, on its thread. Every method may throw transient Errors.
class KeyWatch {
 public:
  // What the catalog has now. Asked on the session's thread, so it must not wait for anybody.
  struct Catalog {
    std::function<std::optional<TableKey>(RelationId relation)> read_key;
    std::function<std::optional<IdentityKey>(RelationId relation)> read_identity;
    // Nothing when the table was dropped.
    std::function<std::optional<CapturedTable>(RelationId relation)> describe;
  };

  KeyWatch(Spool* spool, CaptureFigures* figures, Catalog catalog)
      : spool_(spool), figures_(figures), catalog_(std::move(catalog)) {}

  // RelationCache::KeyLookup.
  FullKey Choose(RelationId relation, const Table& table, ReplicaIdentity identity) const;
  // ChangeAssembler::Hooks.
  void OnUsed(const CachedRelation& relation, Position position);
  void OnKeyless(const CachedRelation& relation, const KeylessChange& change);

 private:
  // A row was dropped.
  void LeaveOut(RelationId relation);
  void SayGuessed(const CachedRelation& relation, Position position);
  void SayChanged(const TableKey& kept, const TableKey& now, Position position);
  void SayUnsent(const CachedRelation& relation, const KeylessChange& change);
  // What will become of the topic: the end of a message. Notes the table if it is still there.
  std::string Heal(RelationId relation, const TableName& in_wal, const std::string& reason);

  Spool* const spool_;
  CaptureFigures* const figures_;
  const Catalog catalog_;
  std::set<uint32_t> told_;  // Relations of which a keyless change was told.
};

// Compares each table's name and key in the catalog now with those that are kept, and notes the
// table for re-reading when they are others. The stream tells that of most tables, with their next
// row; of the key of REPLICA IDENTITY FULL and in the cases of told_relation.h it does not. The
// keys of tables with REPLICA IDENTITY FULL that have none yet are kept from now on. Of tables
// whose rows come under another's name, or not at all, !is_captured(table). Thread-safe. Throws
// transient Errors when the spool cannot be written.
void CheckKeys(const std::vector<CapturedTable>& tables,
               const std::function<bool(const CapturedTable& table)>& is_captured, Spool* spool);

using WarnOfTable = std::function<void(const std::string& table, const std::string& text)>;

// Notes for re-reading each partitioned table whose updates or deletes these publications publish
// under its own name although a leaf has an identity without its key: what happens to the leaf's
// rows cannot be told from the stream. It is read again once its leaves fit. `warn` gets the table
// and what to do. Thread-safe, and throws, as CheckKeys.
void CheckLeaves(const std::vector<CapturedTable>& tables,
                 const std::vector<Publication>& publications, const TableFilter& filter,
                 Spool* spool, const WarnOfTable& warn);

}  // namespace bw
