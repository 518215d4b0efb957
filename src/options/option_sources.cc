#include "options/option_sources.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "options/config_file.h"
#include "options/nearest_name.h"
#include "options/option_table.h"
#include "options/option_values.h"

namespace bw {
namespace {

constexpr std::string_view kRegistryPassword = "BOTTLEDWATER_SCHEMA_REGISTRY_PASSWORD";

// --- The environment ----------------------------------------------------------------------------

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

// "SASL_PASSWORD" is sasl.password. No property of librdkafka that a file can set has a "_".
std::string PropertyName(std::string_view environment_suffix) {
  std::string name(environment_suffix);
  for (char& c : name) {
    if (c == '_') c = '.';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

OptionTexts ParseEnvironment(const Environment& environment, Options* options) {
  OptionTexts texts;
  std::vector<std::string> names;
  for (const OptionSpec& spec : OptionTable()) {
    const std::string name = EnvironmentName(spec.name);
    names.push_back(name);
    OptionText text{{}, name, OptionSource::kEnvironment};
    if (const auto found = environment.find(name); found != environment.end()) {
      // An empty variable counts as not set, as in most programs.
      if (spec.arity == OptionArity::kProperties || spec.arity == OptionArity::kMany) {
        text.values = SplitLines(found->second);
        std::erase(text.values, "");
      } else if (!found->second.empty()) {
        text.values = {found->second};
      }
    }
    if (spec.arity == OptionArity::kProperties) {
      const std::string prefix = name + "_";
      for (auto it = environment.lower_bound(prefix);
           it != environment.end() && it->first.starts_with(prefix); ++it) {
        // BOTTLEDWATER_KAFKA_CONFIG_FILE is an option of its own.
        if (it->first == EnvironmentName("kafka-config-file")) continue;
        text.values.push_back(PropertyName(it->first.substr(prefix.size())) + "=" + it->second);
      }
    }
    if (!text.values.empty()) texts.emplace(spec.name, std::move(text));
  }
  // Other programs (our own scripts) use this prefix too, so an unknown variable only gets a
  // warning when it looks like a typo.
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  for (const auto& [name, value] : environment) {
    if (name == kRegistryPassword || std::find(names.begin(), names.end(), name) != names.end()) {
      continue;
    }
    const auto nearest = NearestName(name, candidates);
    if (nearest && EditDistance(name, *nearest) <= 2) {
      options->warnings.push_back(fmt::format("Unknown environment variable {}; did you mean {}?",
                                              Printable(name), *nearest));
    }
  }
  return texts;
}

// --- Files --------------------------------------------------------------------------------------

OptionTexts ParseConfig(std::string_view where, const std::string& path) {
  const FileText file = ReadSmallFile(where, path);
  const std::string name = Printable(path);
  OptionTexts texts;
  for (ConfigEntry& entry : ParseConfigFile(name, file.text)) {
    const OptionSpec* spec = FindOption(entry.key);
    OptionText text{
        std::move(entry.values), fmt::format("{}:{}: {}", name, entry.line, entry.key),
        file.world_readable ? OptionSource::kWorldReadableFile : OptionSource::kPrivateFile};
    if (std::ranges::find(PrintingFlags(), entry.key, &PrintingFlag::name) !=
        PrintingFlags().end()) {
      throw UsageError(fmt::format("{}: belongs on the command line", text.where));
    }
    if (spec == nullptr) {
      throw UsageError(fmt::format("{}:{}: unknown option \"{}\"{} (see --help)", name, entry.line,
                                   Printable(entry.key), DidYouMean(entry.key, OptionNames())));
    }
    if (spec->name == "config") {
      throw UsageError(fmt::format("{}: a file cannot name another file", text.where));
    }
    const bool one = spec->arity == OptionArity::kOne || spec->arity == OptionArity::kFlag;
    if (one && text.values.size() != 1) {
      throw UsageError(fmt::format("{}: has one value, not {}", text.where, text.values.size()));
    }
    if (!text.values.empty()) texts.emplace(entry.key, std::move(text));
  }
  return texts;
}

// Reads a properties file in the format of librdkafka's and Kafka's own tools.
OptionText ParsePropertiesFile(std::string_view where, const std::string& path) {
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
    text.lines.push_back(number);
  }
  return text;
}

std::string ReadPasswordFile(const OptionText& option) {
  const FileText file = ReadSmallFile(option.where, option.values.front());
  if (file.world_readable) {
    throw UsageError(fmt::format("{}: every user of this machine can read \"{}\"; chmod 600 it",
                                 option.where, Printable(option.values.front())));
  }
  std::string password = file.text.substr(0, file.text.find_first_of("\r\n"));
  if (password.empty() || password.find('\0') != std::string::npos) {
    throw UsageError(fmt::format("{}: the first line of \"{}\" is not a password", option.where,
                                 Printable(option.values.front())));
  }
  return password;
}

// --- All sources together ------------------------------------------------------------------------

// In order of precedence.
struct Sources {
  OptionTexts command_line;
  OptionTexts environment;
  OptionTexts file;

  const OptionText* Find(std::string_view name) const {
    for (const OptionTexts* texts : {&command_line, &environment, &file}) {
      if (const auto found = texts->find(name); found != texts->end()) return &found->second;
    }
    return nullptr;
  }
};

// A check names the option; this replaces the name by the place where the option was given.
Error NamingItsSource(const Error& error, const Sources& sources) {
  const std::string message = error.what();
  const size_t colon = message.find(':');
  if (!message.starts_with("--") || colon == std::string::npos) return error;
  const OptionText* text = sources.Find(message.substr(2, colon - 2));
  return text == nullptr ? error : UsageError(text->where + message.substr(colon));
}

void SetOptions(const Sources& sources, Options* options) {
  if (const OptionText* file = sources.Find("kafka-config-file")) {
    FindOption("kafka-config")
        ->set(ParsePropertiesFile(file->where, file->values.front()), options);
  }
  for (const OptionSpec& spec : OptionTable()) {
    if (spec.arity == OptionArity::kProperties) {
      // Lowest precedence first: later sources replace keys.
      for (const OptionTexts* texts :
           {&sources.file, &sources.environment, &sources.command_line}) {
        if (const auto found = texts->find(spec.name); found != texts->end()) {
          spec.set(found->second, options);
        }
      }
    } else if (const OptionText* text = sources.Find(spec.name)) {
      spec.set(*text, options);
    }
  }
}

void SetRegistryPassword(const Sources& sources, const Environment& environment, Options* options) {
  const auto password = environment.find(std::string(kRegistryPassword));
  if (password != environment.end()) options->registry.password = password->second;
  const OptionText* file = sources.Find("schema-registry-password-file");
  if (file == nullptr) return;
  if (!options->registry.password.empty()) {
    throw UsageError(
        fmt::format("{} and {} both give the registry's password", file->where, kRegistryPassword));
  }
  options->registry.password = ReadPasswordFile(*file);
}

}  // namespace

Environment EnvironmentOfProcess() {
  constexpr std::string_view kPrefix = "BOTTLEDWATER_";
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (!text.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

Options ReadOptions(OptionTexts command_line, const Environment& environment,
                    const std::function<void(Options*)>& complete) {
  Options options;
  Sources sources;
  sources.command_line = std::move(command_line);
  sources.environment = ParseEnvironment(environment, &options);
  if (const OptionText* config = sources.Find("config")) {
    sources.file = ParseConfig(config->where, config->values.front());
  }
  SetOptions(sources, &options);
  SetRegistryPassword(sources, environment, &options);
  if (const OptionText* file = sources.Find("admin-token-file")) {
    options.admin.token = ReadPasswordFile(*file);
  }
  try {
    complete(&options);
  } catch (const Error& error) {
    throw NamingItsSource(error, sources);
  }
  return options;
}

void CheckOptions(const Options& options) {
  if (options.capture.conninfo.empty()) {
    throw UsageError(
        "--postgres is missing: say which database to capture, e.g. "
        "--postgres=postgres://relay@localhost/shop (see --help)");
  }
  CheckCaptureOptions(options.capture);
  CheckPublishOptions(options.publish);
  CheckRegistryOptions(options.registry);
  CheckSpoolOptions(options.spool);
  if (options.status_interval < Duration(100)) {
    throw UsageError("--status-interval: less than 100ms");
  }
  if (options.admin.stall_after < Duration(1'000)) throw UsageError("--stall-after: less than 1s");
  if (options.capture.skip_snapshot && options.overrides.resnapshot) {
    throw UsageError("--skip-snapshot and the command resnapshot contradict each other");
  }
}

}  // namespace bw
