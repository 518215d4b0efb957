#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "capture/captured_table.h"
#include "capture/publication.h"
#include "capture/replication_slot.h"
#include "spool/spool.h"

namespace bw {

// Reads all published tables into the spool, as they were at the slot's consistent point, on
// several connections that share the exported snapshot.
//
//   list the tables as of the snapshot; largest first, each reader:
//     read the table piece by piece (PieceReader), each piece under a lock of its own
//     encode each row; append in batches to the spool
//     put a table that somebody has locked behind the others, and say who has
//
// The snapshot is imported again for each piece: the connection that exports it stays open until
// all is read. Ends by an exception on the first failure of any reader, and on a stop: a reader's
// connection, and with it the snapshot, is let go at once. Everything it appended is above the
// spool's `captured`, so nobody sees it until the caller's EndSnapshot.
struct SnapshotSource {
  CreatedSlot slot;
  std::vector<std::string> publications;
  TextEncoding encoding;  // The database's.
  // Patterns of TableFilter: of the captured tables only these; all when empty.
  std::vector<std::string> only;
  // Of those, only these; all without it.
  std::optional<std::set<TableName>> only_tables;
  // A table that is locked, was altered, or has a row that PostgreSQL cannot send ends all by a
  // TableObstacle; else a lock is waited for, and the others are errors of their kinds.
  bool ends_at_obstacles = false;
};

// One table cannot be read now, for a reason of its own.
class TableObstacle : public Error {
 public:
  TableObstacle(TableName table, const std::string& why)
      : Error(ErrorKind::kTransient, why), table_(std::move(table)) {}
  const TableName& table() const { return table_; }

 private:
  TableName table_;
};

// Throws a usage Error when `only` selects none of the captured tables, and what RequireReadable
// does (snapshot_tables.h). Pure.
void RequireReadableSelection(const std::vector<CapturedTable>& tables,
                              const std::vector<Publication>& publications,
                              const CaptureOptions& options, const SnapshotSource& source,
                              const std::string& role);

struct SnapshotContent {
  uint64_t rows = 0;
  std::vector<TableName> tables;  // All that were read, the empty ones too; none that was dropped.
};

// Throws; a stop request also ends it by a transient Error. `figures` counts. `reader_begins` may
// be empty; it is told each backend that will hold the snapshot, before it does.
SnapshotContent ReadSnapshot(const CaptureOptions& options, const SnapshotSource& source,
                             Spool* spool, CaptureFigures* figures, const Stop& stop,
                             const std::function<void(int backend_pid)>& reader_begins);

}  // namespace bw
