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
  std::string name;  // Quoted. A leaf's may change, and is then the last that was seen.
  bool in_pieces = false;
  // A partitioned table, read through its root because our role may not read each leaf.
  bool tree = false;
};

// How far the snapshot has come with a table. Whoever reads on, on whichever connection, goes on
// from here.
struct TableCursor {
  bool listed = false;
  std::vector<TablePart> parts;
  std::string filter;  // SQL; known when the first part is read.
  size_t part = 0;
  std::optional<uint64_t> pages;  // Of the part; unknown before its first piece.
  TupleId done;                   // Rows of the part up to here are read.
  bool dropped = false;           // Some or all of it is no longer there.

  bool finished() const { return listed && part == parts.size(); }
};

// Reads tables as an exported snapshot has them, in pieces, on one connection.
//
// A piece is a range of pages, read in a transaction of its own that imports the snapshot, locks
// the table, makes sure that it is still the table that the snapshot knows, copies the range, and
// ends. The lock is thus held for about kPieceTarget, and a piece that takes longer is cut: whoever
// alters the table meanwhile waits no longer than that, and so does everybody behind him. The
// exporting transaction must stay open until all is read; only it keeps VACUUM away from the rows.
//
// What is not in pieces but as a whole: a table whose access method is not heap, any table before
// PostgreSQL 14 (TID range scans), and a partitioned table with a leaf that our role may not read.
//
// Throws a transient Error, to begin the snapshot again, when a table was truncated or rewritten
// (TRUNCATE and rewriting ALTER TABLE are not MVCC-safe: PostgreSQL documentation, 13.6 "Caveats"),
// renamed, replaced by another of its name, detached, or a column of it dropped or renamed. A table
// or leaf that was dropped is done: it has no rows any more.
class PieceReader {
 public:
  // `connection` is in mode kSql and used by nobody else.
  PieceReader(PgConnection* connection, std::string snapshot_name);

  enum class Step {
    kOpen,      // Call NextRow until there is none, then Close.
    kLocked,    // Somebody has locked the table for longer than `lock_wait`. Nothing is open.
    kFinished,  // The table is read.
  };
  // Begins the next piece.
  Step Open(const SnapshotTable& table, TableCursor* cursor, Duration lock_wait);
  // The next row of the piece, for ParseCopyRow; nothing at its end.
  std::optional<std::span<char>> NextRow();
  // The rows since Open are what the snapshot has. Releases the lock.
  void Close();

  // Whether NextRow keeps to the limit by itself; else the caller may wait while a piece is open.
  bool in_pieces() const { return part().in_pieces; }
  // For messages: who has locked the table that was kLocked.
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
  // Begins a transaction and locks in it; or gives the SQLSTATE of an expected refusal.
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
