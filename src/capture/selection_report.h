#pragma once

#include <string>
#include <vector>

#include "capture/capture_options.h"
#include "capture/captured_table.h"
#include "capture/table_filter.h"

namespace bw {

// What --tables and --exclude-tables leave to be said. A table may be made later, so nothing of it
// is an error to a start.
struct SelectionReport {
  std::vector<std::string> unmatched;  // A sentence for each pattern that selects nothing.
  bool selects_nothing = false;        // No table is captured at all.
};

// `published` are the tables whose rows arrive under their own name; of `tables`, which are all,
// the partitions of published tables are not. Pure.
SelectionReport ReportSelection(const CaptureOptions& options,
                                const std::vector<CapturedTable>& tables,
                                const std::vector<const CapturedTable*>& published);

}  // namespace bw
