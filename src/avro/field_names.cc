#include "avro/field_names.h"

#include <unordered_set>

#include "avro/name.h"

namespace bw {
namespace {

std::string WithFreeSuffix(const std::string& name, const std::unordered_set<std::string>& taken) {
  for (int suffix = 2;; ++suffix) {
    std::string candidate = name + "_" + std::to_string(suffix);
    if (!taken.contains(candidate)) return candidate;
  }
}

}  // namespace

std::vector<std::string> FieldNames(const Table& table) {
  const size_t count = table.columns.size();
  std::vector<std::string> names(count);
  std::vector<bool> settled(count, false);
  std::unordered_set<std::string> taken;
  for (size_t i = 0; i < count; ++i) {
    names[i] = AvroSafeName(table.columns[i].name);
    if (names[i] == table.columns[i].name) settled[i] = taken.insert(names[i]).second;
  }
  for (size_t i = 0; i < count; ++i) {
    if (!settled[i]) settled[i] = taken.insert(names[i]).second;
  }
  for (size_t i = 0; i < count; ++i) {
    if (settled[i]) continue;
    names[i] = WithFreeSuffix(names[i], taken);
    taken.insert(names[i]);
  }
  return names;
}

}  // namespace bw
