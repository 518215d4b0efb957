#include "options/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "base/error.h"
#include "base/shown_text.h"

namespace bw {
namespace {

[[noreturn]] void Fail(std::string_view name, int line, std::string_view problem) {
  throw UsageError(fmt::format("{}:{}: {}", name, line, Printable(problem)));
}

// toml++ would skip a byte order mark.
void RefuseBinary(std::string_view name, std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF") || text.starts_with("\xFF\xFE") ||
      text.starts_with("\xFE\xFF")) {
    Fail(name, 1, "the file starts with a byte order mark; save it as UTF-8 without one");
  }
  if (text.find('\0') != std::string_view::npos) {
    Fail(name, 1, "the file has NUL bytes; it is not a text file");
  }
}

// A dotted key nests a table for each dot, and toml++ 3.3 destroys them recursively: a line full of
// dots would overflow the stack. Between commas no value of ours has as many.
void RefuseDeepKeys(std::string_view name, std::string_view text) {
  constexpr int kDotsMax = 256;
  int line = 1;
  int dots = 0;
  for (const char c : text) {
    if (c == '\n') ++line;
    if (c == '\n' || c == '=' || c == ',') dots = 0;
    if (c == '.' && ++dots > kDotsMax) {
      Fail(name, line, fmt::format("more than {} dots in one key or value", kDotsMax));
    }
  }
}

// --- What is wrong with a line
// --------------------------------------------------------------------

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

std::string_view LineOf(std::string_view text, int line) {
  for (; line > 1 && !text.empty(); --line) {
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  return Trimmed(text.substr(0, text.find('\n')));
}

bool IsKeyCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

// The commonest mistakes are what was right before this was TOML. A value may be a secret, so no
// message repeats it; toml++'s own name at most a key and one character.
std::string ProblemOf(std::string_view line, std::string_view description) {
  const size_t key_end = static_cast<size_t>(
      std::find_if_not(line.begin(), line.end(), IsKeyCharacter) - line.begin());
  const std::string_view key = line.substr(0, key_end);
  const std::string_view rest = Trimmed(line.substr(key_end));
  const bool has_key = !key.empty() && rest.starts_with('=');
  const std::string_view value = has_key ? Trimmed(rest.substr(1)) : "";
  const auto says = [&](std::string_view words) {
    return description.find(words) != std::string::npos;
  };
  if (!key.empty() && (rest.empty() || rest.starts_with('#')) && says("expected '='")) {
    return fmt::format("\"{}\" has no value: this is a TOML file since 0.1; write {} = true", key,
                       key);
  }
  if (has_key && says("cannot redefine")) {
    return fmt::format("\"{}\" is given twice; several values are written {} = [\"...\", \"...\"]",
                       key, key);
  }
  if (has_key && (value.empty() || value.starts_with('#'))) {
    return fmt::format("\"{}\" has no value; leave the line out", key);
  }
  if (has_key && std::string_view("\"'[{").find(value.front()) == std::string_view::npos) {
    return fmt::format(
        "the value of \"{}\" is a text without quotes: this is a TOML file since "
        "0.1; write {} = \"...\"",
        key, key);
  }
  return fmt::format(
      "not TOML: {}; a line is written name = \"value\", and a list [\"...\", \"...\"]",
      description);
}

// --- From TOML to entries
// -------------------------------------------------------------------------

int LineOf(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

std::string_view TypeOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
  }
  BW_CHECK(false);
}

ConfigValue ValueOf(const toml::node& node, const std::string& property) {
  ConfigValue value{property, TypeOf(node), "", LineOf(node)};
  if (const auto* text = node.as_string()) value.text = text->get();
  if (const auto* number = node.as_integer()) value.text = std::to_string(number->get());
  if (const auto* flag = node.as_boolean()) value.text = flag->get() ? "true" : "false";
  return value;
}

// sasl.password = "..." in a table is the same property as "sasl.password" = "...".
void AppendProperties(const toml::table& table, const std::string& prefix,
                      std::vector<ConfigValue>* values) {
  for (const auto& [key, node] : table) {
    const std::string property = prefix + std::string(key.str());
    if (const toml::table* inner = node.as_table()) {
      AppendProperties(*inner, property + ".", values);
    } else {
      values->push_back(ValueOf(node, property));
    }
  }
}

ConfigEntry EntryOf(const toml::key& key, const toml::node& node) {
  ConfigEntry entry{
      std::string(key.str()), TypeOf(node), {}, static_cast<int>(key.source().begin.line)};
  if (const toml::table* table = node.as_table()) {
    AppendProperties(*table, "", &entry.values);
    std::ranges::stable_sort(entry.values, {}, &ConfigValue::line);
  } else if (const toml::array* array = node.as_array()) {
    for (const toml::node& element : *array) entry.values.push_back(ValueOf(element, ""));
  } else {
    entry.values.push_back(ValueOf(node, ""));
  }
  return entry;
}

// "\u0000": C libraries would take what is before it for the whole value.
void RefuseNul(std::string_view name, const ConfigEntry& entry) {
  for (const ConfigValue& value : entry.values) {
    if (entry.key.find('\0') == std::string::npos &&
        value.property.find('\0') == std::string::npos &&
        value.text.find('\0') == std::string::npos) {
      continue;
    }
    Fail(name, value.line, fmt::format("\"{}\" holds a NUL byte (\\u0000)", entry.key));
  }
}

}  // namespace

std::vector<ConfigEntry> ParseConfigFile(std::string_view name, std::string_view text) {
  RefuseBinary(name, text);
  RefuseDeepKeys(name, text);
  std::vector<ConfigEntry> entries;
  try {
    for (const auto& [key, node] : toml::parse(text)) {
      entries.push_back(EntryOf(key, node));
      RefuseNul(name, entries.back());
    }
  } catch (const toml::parse_error& error) {
    const int line = static_cast<int>(error.source().begin.line);
    Fail(name, line, ProblemOf(LineOf(text, line), error.description()));
  }
  std::ranges::stable_sort(entries, {}, &ConfigEntry::line);
  return entries;
}

}  // namespace bw
