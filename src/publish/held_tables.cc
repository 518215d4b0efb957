#include "publish/held_tables.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace bw {

Position JustBefore(const Position& position) {
  BW_CHECK(position > Position::Zero());
  if (position.index > 0) return {position.commit_lsn, position.index - 1};
  return Position::EndOf(Lsn{position.commit_lsn.value - 1});
}

HeldTables::HeldTables(HeldPositions committed) : positions_(std::move(committed)) {
  for (const auto& [table, after] : positions_) to_try_.insert(table);
}

void HeldTables::HoldFrom(const TableName& table, const Position& row) {
  BW_CHECK(!Holds(table));
  positions_.emplace(table, JustBefore(row));
}

void HeldTables::Release(const TableName& table) {
  positions_.erase(table);
  to_try_.erase(table);
}

std::optional<TableName> HeldTables::NextToTry() const {
  if (to_try_.empty()) return std::nullopt;
  return *to_try_.begin();
}

Position HeldTables::BeginCatchUp(const TableName& table) {
  const auto entry = positions_.extract(table);
  BW_CHECK(!entry.empty());
  return entry.mapped();
}

bool HeldTables::EndCatchUp(const TableName& table, const Position& through,
                            const Position& published) {
  if (Holds(table)) {  // Refused again.
    to_try_.erase(table);
    return false;
  }
  if (through < published) {
    positions_.emplace(table, through);
    return false;
  }
  to_try_.erase(table);
  return true;
}

}  // namespace bw
