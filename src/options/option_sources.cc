#include "options/option_sources.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/nearest_name.h"
#include "base/small_letters.h"
#include "options/admin_address.h"
#include "options/option_files.h"
#include "options/option_table.h"
#include "options/option_values.h"

namespace bw {
namespace {

constexpr std::string_view kRegistryPassword = "BOTTLEDWATER_SCHEMA_REGISTRY_PASSWORD";

// --- The environment ----------------------------------------------------------------------------

// "SASL_PASSWORD" is sasl.password. No property of librdkafka that a file can set has a "_".
std::string PropertyName(std::string_view environment_suffix) {
  std::string name = InSmallLetters(environment_suffix);
  std::ranges::replace(name, '_', '.');
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

// Calls `use` with what `read` makes of the file that the option names, if it is given.
template <class Read, class Use>
void UseFile(const Sources& sources, const std::string& option, Options* options, const Read& read,
             const Use& use) {
  const OptionText* file = sources.Find(option);
  if (file == nullptr) return;
  std::optional<decltype(read(*file))> content;
  try {
    content = read(*file);
  } catch (const Error& error) {
    options->unread_files.emplace(option, error);
    return;
  }
  use(*std::move(content));
}

void SetOptions(const Sources& sources, Options* options) {
  UseFile(
      sources, "kafka-config-file", options,
      [](const OptionText& file) { return ReadPropertiesFile(file.where, file.values.front()); },
      [&](const OptionText& text) { FindOption("kafka-config")->set(text, options); });
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
  UseFile(sources, "schema-registry-password-file", options, ReadPasswordFile,
          [&](std::string read) { options->registry.password = std::move(read); });
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
    sources.file = ReadConfigFile(config->where, config->values.front());
  }
  SetOptions(sources, &options);
  SetRegistryPassword(sources, environment, &options);
  UseFile(sources, "admin-token-file", &options, ReadPasswordFile,
          [&](std::string token) { options.admin.token = std::move(token); });
  try {
    complete(&options);
  } catch (const Error& error) {
    throw NamingItsSource(error, sources);
  }
  return options;
}

namespace {

void CheckAdminOptions(const AdminOptions& admin) {
  if (!admin.address.empty()) ParseAdminAddress(admin.address);
  if (admin.certificate_file.empty() != admin.key_file.empty()) {
    throw UsageError(fmt::format("--admin-certificate and --admin-key go together: {} is missing",
                                 admin.key_file.empty() ? "--admin-key" : "--admin-certificate"));
  }
  const char* const needs_address = !admin.certificate_file.empty() ? "--admin-certificate"
                                    : !admin.token.empty()          ? "--admin-token-file"
                                    : !admin.hosts.empty()          ? "--admin-host"
                                                                    : nullptr;
  if (admin.address.empty() && needs_address != nullptr) {
    throw UsageError(fmt::format(
        "{}: there is no --admin that would use it (the socket in the spool's directory does not); "
        "give its address, for example --admin=0.0.0.0:9187, or leave {} out",
        needs_address, needs_address));
  }
  if (admin.stall_after < Duration(1'000)) throw UsageError("--stall-after: less than 1s");
}

}  // namespace

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
  if (options.log.quiet && options.log.level.value_or("warn") != "warn") {
    throw UsageError(
        fmt::format("--quiet: means --log-level=warn, which --log-level={} contradicts; "
                    "leave one of them out",
                    *options.log.level));
  }
  CheckAdminOptions(options.admin);
  if (options.capture.skip_snapshot && options.overrides.resnapshot) {
    throw UsageError("--skip-snapshot and the command resnapshot contradict each other");
  }
}

}  // namespace bw
