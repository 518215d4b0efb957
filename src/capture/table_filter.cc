#include "capture/table_filter.h"

#include <fnmatch.h>

#include <algorithm>

namespace bw {
namespace {

bool MatchesAny(const std::vector<std::string>& patterns, const std::string& table,
                const std::string& qualified) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
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

}  // namespace bw
