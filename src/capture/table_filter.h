#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "avro/table.h"
#include "capture/capture_options.h"
#include "capture/captured_table.h"

namespace bw {

// Which tables to capture (--tables, --exclude-tables).
//
// A pattern with a dot is matched against "schema.table", one without against the table's name in
// any schema; both as in fnmatch(3), where '*' also matches dots and slashes. An empty list of
// tables means all; exclusion takes precedence over inclusion. Pure and thread-safe.
class TableFilter {
 public:
  TableFilter() = default;
  TableFilter(std::vector<std::string> tables, std::vector<std::string> exclude_tables)
      : tables_(std::move(tables)), exclude_tables_(std::move(exclude_tables)) {}

  bool Selects(std::string_view schema, std::string_view table) const;
  bool Selects(const Table& table) const { return Selects(table.schema, table.name); }
  bool selects_everything() const { return tables_.empty() && exclude_tables_.empty(); }

 private:
  std::vector<std::string> tables_;
  std::vector<std::string> exclude_tables_;
};

// Warnings about --tables and --exclude-tables. A table may be created later, so none of them is an
// error at start.
struct SelectionReport {
  std::vector<std::string> unmatched;  // A sentence per pattern that selects nothing.
  bool selects_nothing = false;        // No table is captured at all.
};

// `published` are the tables whose rows arrive under their own name; `tables` are all, including
// partitions whose rows arrive under their root's name. Pure.
SelectionReport ReportSelection(const CaptureOptions& options,
                                const std::vector<CapturedTable>& tables,
                                const std::vector<const CapturedTable*>& published);

}  // namespace bw
