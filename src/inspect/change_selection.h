#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "capture/table_filter.h"
#include "inspect/table_forms.h"
#include "spool/change.h"

namespace bw {

// Which changes are meant: those of some tables (globs as for --tables; none means all), with one
// key. The key is JSON: an object of all key columns or, for a key of one column, simply its value.
// A column of type numeric, as text or as decimal, is compared as a number, whether 17.50 or "17.5"
// is asked for. An update that changes its key belongs to both.
class ChangeSelection {
 public:
  // An empty key means all. Throws a usage Error that begins with "--key".
  ChangeSelection(const std::vector<std::string>& globs, const std::string& key);
  ~ChangeSelection();

  // `of_old_key` is TableForms::OfOldKey().
  bool Selects(const TableForm& form, const TableForm& of_old_key, const Change& change);
  bool selects_everything() const { return !key_ && tables_.selects_everything(); }

 private:
  bool HasKey(const TableForm& form, const std::optional<std::string_view>& key) const;
  bool HasColumns(const CompiledSchema& key, const nlohmann::json& columns) const;

  const TableFilter tables_;
  std::unique_ptr<const nlohmann::json> key_;
  // The same with each number as a string of its text, which has all its digits.
  std::unique_ptr<const nlohmann::json> key_texts_;
  std::map<SchemaId, bool> selected_;  // By the filter of tables.
};

}  // namespace bw
