#include "capture/leaf_identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/shown_text.h"
#include "capture/sql_text.h"

namespace bw {
namespace {

constexpr size_t kLeavesShownMax = 20;

bool HasOwnIdentity(const CapturedTable& table) {
  return table.identity == ReplicaIdentity::kFull || table.keyed();
}

bool IsKey(const Table& table, const std::string& name) {
  return std::ranges::any_of(
      table.columns, [&](const Column& column) { return column.key && column.name == name; });
}

// FULL sends all columns. An identity with more columns than the key is sufficient: when one of
// them changes, all are sent.
bool Fits(const CapturedTable& leaf, const CapturedTable& root) {
  if (!HasOwnIdentity(leaf)) return false;
  if (leaf.identity == ReplicaIdentity::kFull) return true;
  return std::ranges::all_of(root.table.columns, [&](const Column& column) {
    return !column.key || IsKey(leaf.table, column.name);
  });
}

}  // namespace

void CompareLeaves(std::vector<CapturedTable>* tables) {
  std::unordered_map<uint32_t, CapturedTable*> roots;
  for (CapturedTable& table : *tables) {
    if (table.partitioned && !table.is_partition()) roots.emplace(table.oid, &table);
  }
  for (const CapturedTable& leaf : *tables) {
    const auto root = roots.find(leaf.root_oid);
    if (root == roots.end() || leaf.partitioned || !HasOwnIdentity(*root->second)) continue;
    if (Fits(leaf, *root->second)) continue;
    root->second->unfit_leaves.push_back(leaf.name());
    root->second->refuses_in_leaves |= !HasOwnIdentity(leaf);
    root->second->has_identity = false;
  }
}

std::string UnfitLeavesOf(const CapturedTable& root) {
  return FormatTables(root.unfit_leaves, kLeavesShownMax);
}

std::string LeafRemedies(const CapturedTable& root) {
  // A root's primary key exists on each of its leaves. The leaf's index that corresponds to the
  // root's replica identity would do as well, but has a name of its own.
  const char* identity = root.identity == ReplicaIdentity::kDefault ? "DEFAULT"
                         : root.full_is_no_remedy ? "USING INDEX <its index over that key>"
                                                  : "FULL";
  std::string text;
  for (size_t i = 0; i < root.unfit_leaves.size() && i < kLeavesShownMax; ++i) {
    const TableName& leaf = root.unfit_leaves[i];
    text += OwnLine(fmt::format("ALTER TABLE {} REPLICA IDENTITY {};",
                                QuoteTable(leaf.schema, leaf.table), identity));
  }
  return text;
}

}  // namespace bw
