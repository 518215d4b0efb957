#include "capture/selection_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "capture/table_filter.h"

namespace bw {

SelectionReport ReportSelection(const CaptureOptions& options,
                                const std::vector<CapturedTable>& tables,
                                const std::vector<const CapturedTable*>& published) {
  const auto is_published = [&](const TableFilter& filter) {
    return std::ranges::any_of(published,
                               [&](const auto* table) { return filter.Selects(table->table); });
  };
  SelectionReport report;
  const auto check = [&](const char* option, const std::vector<std::string>& patterns) {
    for (const std::string& pattern : patterns) {
      const TableFilter filter({pattern}, {});
      if (is_published(filter)) continue;
      const bool has_partitions = std::ranges::any_of(tables, [&](const CapturedTable& table) {
        return table.is_partition() && filter.Selects(table.table);
      });
      report.unmatched.push_back(fmt::format(
          "--{}={} matches {}", option, pattern,
          has_partitions ? "only partitions, whose rows arrive as those of their partitioned "
                           "table: name that one"
                         : "no published table: check the spelling, unless the table will be "
                           "created later"));
    }
  };
  check("tables", options.tables);
  check("exclude-tables", options.exclude_tables);
  const TableFilter filter(options.tables, options.exclude_tables);
  report.selects_nothing = !filter.selects_everything() && !is_published(filter);
  return report;
}

}  // namespace bw
