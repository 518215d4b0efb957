#pragma once

#include <span>
#include <string>
#include <vector>

#include "capture/captured_table.h"
#include "capture/publication.h"
#include "capture/table_filter.h"

namespace bw {

// Where a COPY takes its rows from.
struct CopySource {
  std::string relation;   // SQL, e.g. ONLY "public"."t".
  std::string condition;  // SQL; empty for all rows.
  bool with_ctid = false;
};

// A table as the snapshot reads it: with the columns and rows that the stream would have.
struct SnapshotTable {
  CapturedTable described;  // The columns are the published ones.
  // OIDs of pg_publication_rel rows. Rows that pass any of their filters are published; empty for
  // all.
  std::vector<uint32_t> row_filters;

  // The COPY statement that returns the columns in order, after the ctid if requested.
  std::string CopySql(const CopySource& source) const;
};

// What the publications publish of the tables that the filter selects; big tables first, so that
// all connections finish at about the same time. Pure.
std::vector<SnapshotTable> ChooseSnapshotTables(const std::vector<CapturedTable>& tables,
                                                const std::vector<Publication>& publications,
                                                const TableFilter& filter);

// Refuses (Halt kMissingRight, with the SQL for an owner) when our role may not read one of them or
// a row security policy would hide rows. Pure.
void RequireReadable(const std::vector<SnapshotTable>& tables, const std::string& role);

// Whether our role may read all rows of a table. Pure.
bool MayRead(const CapturedTable& table);

// Who must run which statements so that `role` may read all rows of the tables: sentences, each
// statement an OwnLine(). Empty when it already may. Pure.
std::string ReadRemedies(std::span<const CapturedTable* const> tables, const std::string& role);

}  // namespace bw
