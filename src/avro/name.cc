#include "avro/name.h"

#include <unordered_set>

#include "avro/row_form.h"

namespace bw {
namespace {

bool IsLetter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string WithFreeSuffix(const std::string& name, const std::unordered_set<std::string>& taken) {
  for (int suffix = 2;; ++suffix) {
    std::string candidate = name + "_" + std::to_string(suffix);
    if (!taken.contains(candidate)) return candidate;
  }
}

}  // namespace

std::string AvroSafeName(std::string_view name) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string safe;
  safe.reserve(name.size());
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (IsLetter(c) || (IsDigit(c) && i > 0)) {
      safe += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    safe += '_';
    safe += kHex[byte >> 4];
    safe += kHex[byte & 0xF];
    safe += '_';
  }
  return safe;
}

std::string AvroNamespace(std::string_view postgres_schema) {
  return "bottledwater." + AvroSafeName(postgres_schema);
}

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

std::vector<std::string> TextFieldNames(const Table& table,
                                        const std::vector<std::string>& field_names,
                                        bool key_only) {
  const auto is_left_out = [&](size_t i) { return key_only && !table.columns[i].key; };
  std::unordered_set<std::string> taken;
  for (size_t i = 0; i < field_names.size(); ++i) {
    if (!is_left_out(i)) taken.insert(field_names[i]);
  }
  std::vector<std::string> names(table.columns.size());
  for (size_t i = 0; i < names.size(); ++i) {
    if (is_left_out(i)) continue;
    if (FieldType(table.columns[i].type, table.text_as_bytes).holds_all()) continue;
    names[i] = field_names[i] + "__text";
    if (taken.contains(names[i])) names[i] = WithFreeSuffix(names[i], taken);
    taken.insert(names[i]);
  }
  return names;
}

}  // namespace bw
