#pragma once

#include <optional>
#include <set>

#include "base/lsn.h"
#include "publish/checkpoint_format.h"
#include "spool/spool_state.h"

namespace bw {

// The tables that are held (--on-error=hold): which changes are left in the spool for later, and
// how far each table has come. Pure; belongs to one publish session, and like everything of a
// session it is thrown away at any error, so what is noted here need never be taken back.
//
// The rule that keeps a table's order and brings each of its changes once:
// - A change of a held table is produced only by that table's catch-up.
// - A catch-up produces the table's changes above its position, in order, up to the first one that
//   is refused again; the transaction that produces them moves the position to the last of them.
// - The entry goes away in the transaction that brings the table to the checkpoint's position. So
//   what is above that position was never left out, and what is below was never left behind.
class HeldTables {
 public:
  HeldTables() = default;
  explicit HeldTables(HeldPositions committed);

  bool empty() const { return positions_.empty(); }
  bool Holds(const TableName& table) const { return positions_.contains(table); }
  // What the next checkpoint records.
  const HeldPositions& positions() const { return positions_; }

  // The change at `row` is refused: the table is published up to just before it.
  void HoldFrom(const TableName& table, const Position& row);
  // A re-snapshot supersedes what the table was held for.
  void Release(const TableName& table);

  // --- Catching up ----------------------------------------------------------------------------

  // The next table to catch up; nothing when each one was tried.
  std::optional<TableName> NextToTry() const;
  // Before its changes are produced: it is not held, until one of them is refused again. Returns
  // the position above which they begin.
  Position BeginCatchUp(const TableName& table);
  // Its changes up to `through` were produced, or those up to the one that was refused again.
  // `published` is the checkpoint's position. True when the table is no longer held.
  bool EndCatchUp(const TableName& table, const Position& through, const Position& published);
  // Not in this session: its changes cannot be read.
  void GiveUp(const TableName& table) { to_try_.erase(table); }

 private:
  HeldPositions positions_;
  std::set<TableName> to_try_;
};

// The position just before this one, of whatever there may be.
Position JustBefore(const Position& position);

}  // namespace bw
