#include "inspect/change_selection.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_depth.h"
#include "base/shown_text.h"
#include "inspect/change_line.h"

namespace bw {
namespace {

constexpr int kDepthMax = 100;

}  // namespace

ChangeSelection::ChangeSelection(const std::vector<std::string>& globs, const std::string& key)
    : tables_(globs, {}) {
  if (key.empty()) return;
  nlohmann::json wanted = nlohmann::json::value_t::discarded;
  if (!IsNestedDeeperThan(key, kDepthMax)) {
    wanted = nlohmann::json::parse(key, nullptr, /*allow_exceptions=*/false);
  }
  if (wanted.is_discarded()) {
    throw UsageError(
        fmt::format("--key: \"{}\" is not JSON; write e.g. 17, '\"a text\"' or '{{\"id\": 17}}'",
                    Printable(key)));
  }
  key_ = std::make_unique<const nlohmann::json>(std::move(wanted));
}

ChangeSelection::~ChangeSelection() = default;

bool ChangeSelection::Selects(const TableForm& form, const Change& change) {
  const auto [selected, is_new] = selected_.try_emplace(change.schema_id, false);
  if (is_new) selected->second = tables_.Selects(form.table.schema, form.table.table);
  if (!selected->second) return false;
  return !key_ || HasKey(form, change.key) || HasKey(form, change.old_key);
}

bool ChangeSelection::HasKey(const TableForm& form,
                             const std::optional<std::string_view>& key) const {
  try {
    const auto text = KeyJson(form, key);
    if (!text) return false;
    const auto json = nlohmann::json::parse(*text);
    return json == *key_ || (json.size() == 1 && json.front() == *key_);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    return false;  // It is no JSON, so it is not the one that was asked for.
  }
}

}  // namespace bw
