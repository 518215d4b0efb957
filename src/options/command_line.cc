#include "options/command_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <list>
#include <span>

#include "base/error.h"
#include "base/log.h"
#include "options/config_file.h"
#include "options/help_text.h"
#include "options/nearest_name.h"
#include "options/option_table.h"
#include "options/option_values.h"

namespace bw {
namespace {

constexpr std::string_view kResnapshotCommand = "resnapshot";
constexpr std::string_view kRegistryPassword = "BOTTLEDWATER_SCHEMA_REGISTRY_PASSWORD";

// What one source gave, by option name.
using OptionTexts = std::map<std::string, OptionText, std::less<>>;

std::vector<std::string_view> OptionNames() {
  std::vector<std::string_view> names = {"help", "version", "config-help"};
  for (const OptionSpec& spec : OptionTable()) names.push_back(spec.name);
  return names;
}

// "; did you mean --slot?", or nothing.
std::string Suggestion(std::string_view typed, std::string_view before_name) {
  const std::vector<std::string_view> names = OptionNames();
  const auto nearest = NearestName(typed, names);
  return nearest ? fmt::format("; did you mean {}{}?", before_name, *nearest) : "";
}

// --- The command line ---------------------------------------------------------------------------

[[noreturn]] void RefuseExtra(const std::string& extra) {
  // The value after the "=" may be a secret.
  const std::string typed = extra.substr(0, extra.find('='));
  if (typed.starts_with("--")) {
    throw UsageError(fmt::format("unknown option {}{} (see --help)", Printable(typed),
                                 Suggestion(typed.substr(2), "--")));
  }
  if (typed.starts_with("-")) {
    throw UsageError(fmt::format("unknown option {} (see --help)", Printable(typed.substr(0, 2))));
  }
  throw UsageError(
      fmt::format("unexpected argument \"{}\": every value belongs to an option (see "
                  "--help)",
                  Printable(typed)));
}

// Rephrases CLI11's "--slot: 1 required TEXT missing".
[[noreturn]] void RefuseIncomplete(std::string_view message) {
  const std::string_view name = message.substr(0, message.find(':'));
  const OptionSpec* spec = name.starts_with("--") ? FindOption(name.substr(2)) : nullptr;
  if (spec == nullptr || spec->value_name.empty()) throw UsageError(Printable(message));
  throw UsageError(
      fmt::format("{}: the value is missing; write {}={}", name, name, spec->value_name));
}

struct ParsedArguments {
  OptionTexts texts;
  bool help = false;
  bool version = false;
  bool config_help = false;
  bool resnapshot = false;          // The command was given.
  std::vector<std::string> tables;  // Its arguments.
};

// CLI11 would take the next argument as the value of "--slot=", which a shell makes of
// --slot=$UNSET.
void RefuseEmptyValues(std::span<const char* const> arguments) {
  for (const std::string_view argument : arguments) {
    if (!argument.starts_with("--") || argument.find('=') != argument.size() - 1) continue;
    const std::string_view name = argument.substr(2, argument.size() - 3);
    if (FindOption(name) == nullptr) continue;
    throw UsageError(fmt::format("--{}: the value is empty; leave the option out", name));
  }
}

ParsedArguments ParseArguments(int argc, const char* const* argv) {
  CLI::App app;
  app.set_help_flag();  // We add our own below: --help must win over every error.
  struct Bound {
    const OptionSpec* spec;
    CLI::Option* option;
    std::vector<std::string> values;
  };
  std::list<Bound> bound;  // A list, because CLI11 keeps pointers to its elements.
  for (const OptionSpec& spec : OptionTable()) {
    std::string names = fmt::format("--{}", spec.name);
    if (spec.letter != '\0') names = fmt::format("-{},{}", spec.letter, names);
    Bound& b = bound.emplace_back(Bound{&spec, nullptr, {}});
    if (spec.arity == OptionArity::kFlag) {
      b.option = app.add_flag(names);
    } else {
      // Otherwise further arguments would count as more values of this option.
      b.option = app.add_option(names, b.values)->allow_extra_args(false);
    }
  }
  ParsedArguments parsed;
  app.add_flag("-h,--help", parsed.help);
  app.add_flag("--version", parsed.version);
  app.add_flag("--config-help", parsed.config_help);

  try {
    app.allow_extras();
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // The last option has no value. --help wins anyway.
    parsed.help = std::any_of(argv + 1, argv + argc, [](std::string_view argument) {
      return argument == "-h" || argument == "--help";
    });
    if (!parsed.help) RefuseIncomplete(error.what());
  }
  if (parsed.help || parsed.version || parsed.config_help) return parsed;
  RefuseEmptyValues({argv + 1, argv + argc});
  std::vector<std::string> extras = app.remaining();
  if (!extras.empty() && extras.front() == kResnapshotCommand) {
    parsed.resnapshot = true;
    const auto first_option =
        std::find_if(extras.begin() + 1, extras.end(),
                     [](const std::string& extra) { return extra.starts_with("-"); });
    parsed.tables.assign(extras.begin() + 1, first_option);
    extras.erase(extras.begin(), first_option);
  }
  if (!extras.empty()) RefuseExtra(extras.front());
  for (const Bound& b : bound) {
    if (b.option->count() == 0) continue;
    OptionText text{b.values, fmt::format("--{}", b.spec->name), OptionSource::kCommandLine};
    if (b.spec->arity == OptionArity::kFlag) text.values = {b.option->results().back()};
    if (b.spec->arity == OptionArity::kOne && text.values.size() > 1) {
      throw UsageError(
          fmt::format("{}: given {} times, and it has one value", text.where, text.values.size()));
    }
    parsed.texts.emplace(b.spec->name, std::move(text));
  }
  return parsed;
}

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
    if (entry.key == "help" || entry.key == "version" || entry.key == "config-help") {
      throw UsageError(fmt::format("{}: belongs on the command line", text.where));
    }
    if (spec == nullptr) {
      throw UsageError(fmt::format("{}:{}: unknown option \"{}\"{} (see --help)", name, entry.line,
                                   Printable(entry.key), Suggestion(entry.key, "")));
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

CommandLine ParseCommandLine(int argc, const char* const* argv, const Environment& environment) {
  CommandLine result;
  ParsedArguments arguments = ParseArguments(argc, argv);
  if (arguments.help) return {CommandLine::Action::kPrint, HelpText(), {}};
  if (arguments.version) return {CommandLine::Action::kPrint, VersionText(), {}};
  if (arguments.config_help) return {CommandLine::Action::kConfigHelp, ConfigHelpText(), {}};

  Options& options = result.options;
  Sources sources;
  sources.command_line = std::move(arguments.texts);
  sources.environment = ParseEnvironment(environment, &options);
  if (const OptionText* config = sources.Find("config")) {
    sources.file = ParseConfig(config->where, config->values.front());
  }
  SetOptions(sources, &options);
  options.overrides.resnapshot = arguments.resnapshot && arguments.tables.empty();
  for (const std::string& tables : arguments.tables) {
    for (std::string& glob : ParseGlobs(kResnapshotCommand, tables)) {
      options.resnapshot_tables.push_back(std::move(glob));
    }
  }

  const auto password = environment.find(std::string(kRegistryPassword));
  if (password != environment.end()) options.registry.password = password->second;
  if (const OptionText* file = sources.Find("schema-registry-password-file")) {
    if (!options.registry.password.empty()) {
      throw UsageError(fmt::format("{} and {} both give the registry's password", file->where,
                                   kRegistryPassword));
    }
    options.registry.password = ReadPasswordFile(*file);
  }
  if (const OptionText* file = sources.Find("admin-token-file")) {
    options.admin.token = ReadPasswordFile(*file);
  }
  try {
    CheckOptions(options);
  } catch (const Error& error) {
    throw NamingItsSource(error, sources);
  }
  return result;
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
