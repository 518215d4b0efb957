#include "debezium/column_default.h"

#include <algorithm>

#include "debezium/value_encoder.h"

namespace bw::debezium {
namespace {

bool HasDefault(const ColumnForm& form) {
  switch (form.form) {
    case Form::kVariableDecimal:
    case Form::kMoney:
    case Form::kBytes:
    case Form::kHstore:
    case Form::kPoint:
    case Form::kLine:
    case Form::kGeometry:
    case Form::kCircle:
    case Form::kArray:
      return false;
    default:
      return true;
  }
}

// What follows a constant: nothing, or its type.
bool IsCastOnly(std::string_view rest) { return rest.empty() || rest.starts_with("::"); }

// 'it''s'::text, B'101'::"bit"
std::optional<std::string> QuotedConstant(std::string_view expression) {
  if (expression.starts_with('B')) expression.remove_prefix(1);
  if (!expression.starts_with('\'')) return std::nullopt;
  std::string text;
  for (size_t i = 1; i < expression.size(); ++i) {
    if (expression[i] != '\'') {
      text += expression[i];
    } else if (expression.substr(i).starts_with("''")) {
      text += expression[i++];
    } else {
      if (!IsCastOnly(expression.substr(i + 1))) return std::nullopt;
      return text;
    }
  }
  return std::nullopt;
}

// 5, 1.5, (-5), (5)::numeric, true
std::optional<std::string> BareConstant(std::string_view expression) {
  const bool is_wrapped = expression.starts_with('(');
  if (is_wrapped) expression.remove_prefix(1);
  const size_t end = std::min(expression.find_first_not_of("0123456789.-"), expression.size());
  std::string text(expression.substr(0, end));
  std::string_view rest = expression.substr(end);
  if (is_wrapped) {
    if (!rest.starts_with(')')) return std::nullopt;
    rest.remove_prefix(1);
  }
  if (text.empty() || !IsCastOnly(rest)) {
    if (is_wrapped) return std::nullopt;
    if (expression == "true") return "t";
    if (expression == "false") return "f";
    return std::nullopt;
  }
  return text;
}

bool IsFunctionCall(std::string_view expression) {
  for (const std::string_view word : {"CURRENT_", "LOCALTIME", "SESSION_USER"}) {
    if (expression.starts_with(word)) return true;
  }
  const size_t name = expression.find_first_not_of(
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.\"");
  return name != expression.npos && name > 0 && expression[name] == '(';
}

std::string ZeroDefault(const ColumnForm& form) {
  std::string body;
  if (form.form == Form::kZonedTimestamp) {
    std::string text = "1970-01-01T00:00:00";
    if (form.digits > 0) text += '.' + std::string(static_cast<size_t>(form.digits), '0');
    AppendText(text + 'Z', &body);
  } else if (form.schema.name == "io.debezium.data.Uuid") {
    AppendText("00000000-0000-0000-0000-000000000000", &body);
  } else {
    AppendZero(form, &body);
  }
  return body;
}

}  // namespace

std::optional<std::string> DefaultBodyOf(const ColumnForm& form, std::string_view expression) {
  if (!HasDefault(form)) return std::nullopt;
  std::optional<std::string> constant = QuotedConstant(expression);
  if (!constant) constant = BareConstant(expression);
  if (constant) {
    std::string body;
    if (AppendValue(form, *constant, &body) != ValueStatus::kOk) return std::nullopt;
    return body;
  }
  if (IsFunctionCall(expression)) return ZeroDefault(form);
  return std::nullopt;
}

}  // namespace bw::debezium
