#pragma once

#include <string>
#include <vector>

#include "capture/capture_options.h"
#include "capture/captured_table.h"

namespace bw {

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
