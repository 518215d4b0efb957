#include "inspect/change_selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/json_depth.h"
#include "base/parse_whole.h"
#include "base/shown_text.h"
#include "inspect/change_line.h"

namespace bw {
namespace {

using Json = nlohmann::json;

constexpr int kDepthMax = 100;
constexpr std::string_view kDigits = "0123456789";

// `json` is valid.
std::string WithNumbersAsStrings(std::string_view json) {
  std::string out;
  bool quoted = false;
  while (!json.empty()) {
    const bool begins_number = json.front() == '-' || kDigits.find(json.front()) != kDigits.npos;
    size_t size = 1;
    if (!quoted && begins_number) {
      size = std::min(json.find_first_not_of("+-.eE0123456789"), json.size());
      out += fmt::format("\"{}\"", json.substr(0, size));
    } else {
      if (quoted && json.front() == '\\') size = 2;
      if (json.front() == '"') quoted = !quoted;
      out += json.substr(0, size);
    }
    json.remove_prefix(size);
  }
  return out;
}

// digits * 10^exponent. Equal numbers are equal: there is no zero at either end of the digits.
struct Decimal {
  bool is_negative = false;
  std::string digits;
  int64_t exponent = 0;

  friend bool operator==(const Decimal&, const Decimal&) = default;
};

// Nothing for "NaN" and the infinities.
std::optional<Decimal> ParseDecimal(std::string_view text) {
  Decimal decimal;
  decimal.is_negative = text.starts_with('-');
  if (decimal.is_negative) text.remove_prefix(1);
  if (const size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view power = text.substr(e + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    const auto exponent = ParseWhole<int32_t>(power);
    if (!exponent) return std::nullopt;
    decimal.exponent = *exponent;
    text = text.substr(0, e);
  }
  decimal.digits = text;
  if (const size_t point = text.find('.'); point != std::string_view::npos) {
    decimal.digits.erase(point, 1);
    decimal.exponent -= static_cast<int64_t>(text.size() - point - 1);
  }
  std::string& digits = decimal.digits;
  if (digits.empty() || digits.find_first_not_of(kDigits) != std::string::npos) return std::nullopt;
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.empty()) return Decimal{};
  const size_t zeros = digits.size() - digits.find_last_not_of('0') - 1;
  digits.resize(digits.size() - zeros);
  decimal.exponent += static_cast<int64_t>(zeros);
  return decimal;
}

bool IsSameNumber(const Json& found, const Json& wanted_text) {
  if (!found.is_string() || !wanted_text.is_string()) return false;
  const auto decimal = ParseDecimal(found.get<std::string>());
  return decimal && decimal == ParseDecimal(wanted_text.get<std::string>());
}

}  // namespace

ChangeSelection::ChangeSelection(const std::vector<std::string>& globs, const std::string& key)
    : tables_(globs, {}) {
  if (key.empty()) return;
  Json wanted = Json::value_t::discarded;
  if (!IsNestedDeeperThan(key, kDepthMax)) {
    wanted = Json::parse(key, nullptr, /*allow_exceptions=*/false);
  }
  if (wanted.is_discarded()) {
    throw UsageError(
        fmt::format("--key: \"{}\" is not JSON; write e.g. 17, '\"a text\"' or '{{\"id\": 17}}'",
                    Printable(key)));
  }
  key_ = std::make_unique<const Json>(std::move(wanted));
  key_texts_ = std::make_unique<const Json>(Json::parse(WithNumbersAsStrings(key)));
}

ChangeSelection::~ChangeSelection() = default;

bool ChangeSelection::Selects(const TableForm& form, const TableForm& of_old_key,
                              const Change& change) {
  const auto [selected, is_new] = selected_.try_emplace(change.schema_id, false);
  if (is_new) selected->second = tables_.Selects(form.table.schema, form.table.table);
  if (!selected->second) return false;
  return !key_ || HasKey(form, change.key) || HasKey(of_old_key, change.old_key);
}

bool ChangeSelection::HasKey(const TableForm& form,
                             const std::optional<std::string_view>& key) const {
  try {
    const auto text = KeyJson(form, key);
    if (!text) return false;
    const Json columns = Json::parse(*text);
    if (const CompiledSchema* of_rows = form.key->of_rows()) return HasColumns(*of_rows, columns);
    return columns == *key_ || (columns.size() == 1 && columns.front() == *key_);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    return false;  // It is no JSON, so it is not the one that was asked for.
  }
}

bool ChangeSelection::HasColumns(const CompiledSchema& key, const Json& columns) const {
  const auto& fields = key.fields();
  // A jsonb column's value may itself be an object.
  const size_t count = key.column_count();
  const bool is_value = count == 1 && (!key_->is_object() || columns.front() == *key_);
  if (!is_value && (!key_->is_object() || key_->size() != count)) return false;
  return std::ranges::all_of(fields, [&](const CompiledSchema::Field& field) {
    if (field.is_text_beside) return true;  // Plain JSON has it as the column's value.
    const std::string& name = field.postgresql_name;
    if (!columns.contains(name) || !(is_value || key_->contains(name))) return false;
    const Json& found = columns[name];
    if (found == (is_value ? *key_ : (*key_)[name])) return true;
    const bool is_number =
        field.type.kind == ValueKind::kNumeric || field.type.kind == ValueKind::kDecimal;
    return is_number && IsSameNumber(found, is_value ? *key_texts_ : (*key_texts_)[name]);
  });
}

}  // namespace bw
