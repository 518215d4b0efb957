#pragma once

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

// A table as the snapshot reads it: with the columns and rows that the stream would bring.
struct SnapshotTable {
  CapturedTable described;  // The columns are the published ones.
  // Rows that pass any of these filters are published: rows of pg_publication_rel. Empty for all.
  std::vector<uint32_t> row_filters;

  // The COPY statement that gives the columns in order, after the ctid if that is wanted.
  std::string CopySql(const CopySource& source) const;
};

// What the publications publish of the tables, as far as the filter selects it; big tables first,
// so that the connections finish together. Pure.
std::vector<SnapshotTable> ChooseSnapshotTables(const std::vector<CapturedTable>& tables,
                                                const std::vector<Publication>& publications,
                                                const TableFilter& filter);

// Refuses (Halt kMissingRight, with the SQL for an owner) when our role may not read one of them or
// a row security policy would hide rows. Pure.
void RequireReadable(const std::vector<SnapshotTable>& tables, const std::string& role);

}  // namespace bw
