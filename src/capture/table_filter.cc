#include "capture/table_filter.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

namespace bw {
namespace {

bool MatchesAny(const std::vector<std::string>& patterns, const std::string& table,
                const std::string& qualified) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    // No name has one, and fnmatch would take the pattern to end there.
    if (pattern.find('\0') != std::string::npos) return false;
    const bool with_schema = pattern.find('.') != std::string::npos;
    return fnmatch(pattern.c_str(), (with_schema ? qualified : table).c_str(), 0) == 0;
  });
}

}  // namespace

bool TableFilter::Selects(std::string_view schema, std::string_view table) const {
  const std::string name(table);
  const std::string qualified = std::string(schema) + "." + name;
  if (MatchesAny(exclude_tables_, name, qualified)) return false;
  return tables_.empty() || MatchesAny(tables_, name, qualified);
}

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
