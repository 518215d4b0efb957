#pragma once

#include <string>
#include <vector>

#include "capture/captured_table.h"

namespace bw {

// Compares the replica identity of each partition that holds rows with the key of its root, by the
// columns' names: sets unfit_leaves, refuses_in_leaves and has_identity of partitioned tables.
// `tables` are all of ReadTables, after RefuseFullIdentities. Pure.
void CompareLeaves(std::vector<CapturedTable>* tables);

// The unfit leaves as a list for messages, and the statements that make them fit, each an
// OwnLine().
std::string UnfitLeavesOf(const CapturedTable& root);
std::string LeafRemedies(const CapturedTable& root);

}  // namespace bw
