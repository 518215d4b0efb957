#include "options/option_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/nearest_name.h"
#include "base/shown_text.h"
#include "options/config_file.h"
#include "options/small_file.h"

namespace bw {
namespace {

// --- The types of TOML --------------------------------------------------------------------------

std::string_view ExpectedType(const OptionSpec& spec) {
  switch (spec.arity) {
    case OptionArity::kFlag:
      return "a boolean";
    case OptionArity::kMany:
      return "a string or an array of strings";
    case OptionArity::kProperties:
      return "a table, or an array of strings";
    case OptionArity::kOne:
      return spec.value_name == "NUMBER" ? "an integer" : "a string";
  }
  BW_CHECK(false);
}

// A string may hold any value, as in the environment.
bool MayBe(const OptionSpec& spec, const ConfigEntry& entry, const ConfigValue& value) {
  if (value.type == "a string") return true;
  const bool is_property = entry.type == "a table";
  if (value.type == "an integer") return is_property || spec.value_name == "NUMBER";
  if (value.type == "a boolean") return is_property || spec.arity == OptionArity::kFlag;
  return false;
}

void RequireTypes(const OptionSpec& spec, const ConfigEntry& entry, const std::string& where) {
  const bool several = spec.arity == OptionArity::kMany || spec.arity == OptionArity::kProperties;
  const bool container_fits = entry.type == "a table"    ? spec.arity == OptionArity::kProperties
                              : entry.type == "an array" ? several
                                                         : true;
  if (!container_fits) {
    throw UsageError(
        fmt::format("{}: expected {}, found {}", where, ExpectedType(spec), entry.type));
  }
  for (const ConfigValue& value : entry.values) {
    if (MayBe(spec, entry, value)) continue;
    const bool in_container = entry.type == "a table" || entry.type == "an array";
    const std::string what =
        value.property.empty() ? "" : fmt::format("{}: ", Printable(value.property));
    throw UsageError(
        fmt::format("{}: {}expected {}, found {}{}", where, what,
                    in_container ? "a string" : ExpectedType(spec), value.type,
                    value.text.empty() ? "" : fmt::format("; write \"{}\"", value.text)));
  }
}

// What follows a table's header in the file belongs to the table. Of topics, partitions are both.
void RefuseOptionsInTable(const ConfigEntry& entry, std::string_view name) {
  for (const ConfigValue& value : entry.values) {
    if (value.property.empty() || FindOption(value.property) == nullptr) continue;
    if (entry.key == "topic-config" && value.property == "partitions") continue;
    throw UsageError(
        fmt::format("{}:{}: \"{}\" is an option and no property of {}; write it above [{}]", name,
                    value.line, value.property, entry.key, entry.key));
  }
}

[[noreturn]] void RefuseKey(const ConfigEntry& entry, std::string_view name) {
  if (entry.type == "a table") {
    throw UsageError(
        fmt::format("{}:{}: unknown table \"{}\": options stand at the top level, and only "
                    "kafka-config and topic-config may be tables",
                    name, entry.line, Printable(entry.key)));
  }
  throw UsageError(fmt::format("{}:{}: unknown option \"{}\"{} (see --help)", name, entry.line,
                               Printable(entry.key), DidYouMean(entry.key, OptionNames())));
}

OptionText TextOf(const OptionSpec& spec, ConfigEntry entry, const std::string& name) {
  OptionText text;
  text.where = fmt::format("{}:{}: {}", name, entry.line, entry.key);
  RequireTypes(spec, entry, text.where);
  RefuseOptionsInTable(entry, name);
  for (ConfigValue& value : entry.values) {
    if (entry.type == "a table") {
      text.values.push_back(value.property + "=" + value.text);
      text.places.push_back(fmt::format("{}:{}: {}", name, value.line, entry.key));
    } else {
      text.values.push_back(std::move(value.text));
    }
  }
  return text;
}

}  // namespace

OptionTexts OptionsInConfig(const std::string& name, std::string_view config, OptionSource source) {
  OptionTexts texts;
  for (ConfigEntry& entry : ParseConfigFile(name, config)) {
    const OptionSpec* spec = FindOption(entry.key);
    if (std::ranges::find(PrintingFlags(), entry.key, &PrintingFlag::name) !=
        PrintingFlags().end()) {
      throw UsageError(
          fmt::format("{}:{}: {}: belongs on the command line", name, entry.line, entry.key));
    }
    if (spec == nullptr) RefuseKey(entry, name);
    if (spec->name == "config") {
      throw UsageError(
          fmt::format("{}:{}: {}: a file cannot name another file", name, entry.line, entry.key));
    }
    OptionText text = TextOf(*spec, std::move(entry), name);
    text.source = source;
    if (!text.values.empty()) texts.emplace(spec->name, std::move(text));
  }
  return texts;
}

OptionTexts ReadConfigFile(std::string_view where, const std::string& path) {
  const FileText file = ReadSmallFile(where, path);
  return OptionsInConfig(
      Printable(path), file.text,
      file.world_readable ? OptionSource::kWorldReadableFile : OptionSource::kPrivateFile);
}

std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
  }
  return lines;
}

OptionText ReadPropertiesFile(std::string_view where, const std::string& path) {
  const FileText file = ReadSmallFile(where, path);
  if (file.text.find('\0') != std::string::npos || file.text.starts_with("\xEF\xBB\xBF")) {
    throw UsageError(
        fmt::format("{}: \"{}\" is not a plain text file (NUL bytes or a byte order mark)", where,
                    Printable(path)));
  }
  OptionText text{
      {},
      Printable(path),
      file.world_readable ? OptionSource::kWorldReadableFile : OptionSource::kPrivateFile};
  int number = 0;
  for (const std::string& line : SplitLines(file.text)) {
    ++number;
    const size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos || line[begin] == '#') continue;
    const size_t equals = line.find('=', begin);
    if (equals == std::string::npos) {
      throw UsageError(fmt::format("{}:{}: not key=value", Printable(path), number));
    }
    // Spaces around the "=" do not belong to key or value; trailing ones may belong to a secret.
    const size_t key_end = line.find_last_not_of(" \t", equals == 0 ? 0 : equals - 1);
    const size_t value = std::min(line.find_first_not_of(" \t", equals + 1), line.size());
    text.values.push_back(line.substr(begin, key_end + 1 - begin) + "=" + line.substr(value));
    text.places.push_back(fmt::format("{}:{}", text.where, number));
  }
  return text;
}

std::string ReadPasswordFile(const OptionText& option) {
  std::string password = ReadSecretFile(option.where, option.values.front());
  password.resize(std::min(password.size(), password.find_first_of("\r\n")));
  if (password.empty() || password.find('\0') != std::string::npos) {
    throw UsageError(fmt::format("{}: the first line of \"{}\" is not a password", option.where,
                                 Printable(option.values.front())));
  }
  return password;
}

}  // namespace bw
