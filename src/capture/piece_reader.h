#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "capture/pg_connection.h"
#include "capture/piece_plan.h"
#include "capture/snapshot_tables.h"

namespace bw {

// An ordinary table: the snapshot's table itself, or a leaf of a partitioned one.
struct TablePart {
  uint32_t oid = 0;
  std::string name;  // Quoted. A leaf may be renamed; then the latest known name.
  bool in_pieces = false;
  // A partitioned table that is read through its root, because our role may not read every leaf.
  bool tree = false;
};

// How far the snapshot of a table has come. Any connection can continue from here.
struct TableCursor {
  bool listed = false;
  std::vector<TablePart> parts;
  std::string filter;  // SQL; known once the first part is read.
  size_t part = 0;
  std::optional<uint64_t> pages;  // Of the part; unknown before its first piece.
  TupleId done;                   // Rows of the part up to here are read.
  bool dropped = false;           // All or part of it was dropped.

  bool finished() const { return listed && part == parts.size(); }
};

// Reads tables as an exported snapshot has them, in pieces, on one connection.
//
// A piece is a range of pages, read in a transaction of its own that imports the snapshot, locks
// the table, checks that it is still the table that the snapshot knows, copies the range, and ends.
// The lock is thus held for about kPieceTarget, and a piece that takes longer is cut, so that
// somebody who alters the table, and everybody queued behind, waits no longer than that. The
// exporting transaction must stay open until everything is read; only it keeps VACUUM from removing
// the rows.
//
// Read as a whole, not in pieces: a table whose access method is not heap, any table before
// PostgreSQL 14 (which has no TID range scans), and a partitioned table with a leaf that our role
// may not read.
//
// Throws a transient Error, to begin the snapshot again, when a table was truncated or rewritten
// (TRUNCATE and rewriting ALTER TABLE are not MVCC-safe: PostgreSQL documentation, 13.6 "Caveats"),
// renamed, replaced by another of the same name, or detached, or when a column was dropped or
// renamed. A table or leaf that was dropped is finished: it has no more rows.
class PieceReader {
 public:
  // `connection` is in mode kSql and used for nothing else.
  PieceReader(PgConnection* connection, std::string snapshot_name);

  enum class Step {
    kOpen,      // Call NextRow until there is none, then Close.
    kLocked,    // Somebody else's lock outlasted `lock_wait`. Nothing is open.
    kFinished,  // The table is read.
  };
  // Begins the next piece.
  Step Open(const SnapshotTable& table, TableCursor* cursor, Duration lock_wait);
  // The next row of the piece, for ParseCopyRow; nothing at its end.
  std::optional<std::span<char>> NextRow();
  // The rows since Open are what the snapshot has. Releases the lock.
  void Close();

  // Whether NextRow enforces the limits itself; if not, the caller may wait while a piece is open.
  bool in_pieces() const { return part().in_pieces; }
  // For messages: who holds the lock after kLocked.
  std::string DescribeHolders();

 private:
  enum class Check { kSame, kOtherName, kGone };

  const TablePart& part() const { return cursor_->parts[cursor_->part]; }
  PgQueryOptions Options(const char* verb) const;
  void Begin();
  void Rollback();
  void ListParts();
  std::string TableName() const;
  std::string RegclassName() const;  // As to_regclass() reads it.
  std::string PartRelation() const;
  // Begins a transaction and takes the lock in it; or returns the SQLSTATE of an expected refusal.
  std::string TryLock(const std::string& relation, Duration lock_wait);
  Check CheckUnderLock();
  Check CheckMissing();
  bool ReadFilter(Duration lock_wait);
  void StartCopy();
  void NextPart();
  [[noreturn]] void BeginAgain(const char* what) const;

  PgConnection* const connection_;
  const std::string snapshot_name_;
  // Of the piece that is open.
  const SnapshotTable* table_ = nullptr;
  TableCursor* cursor_ = nullptr;
  PieceSize size_;
  TimePoint began_;
  TupleId from_;
  uint64_t to_block_ = 0;
  size_t bytes_ = 0;
  bool cut_ = false;
};

}  // namespace bw
