#include "commands/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <list>

#include "base/error.h"
#include "base/nearest_name.h"
#include "base/shown_text.h"
#include "commands/help_text.h"
#include "publish/kafka_config.h"

namespace bw {
namespace {

using Commands = std::span<const CommandSpec>;

// What the arguments of the process say, before anything is made of it.
struct ParsedArguments {
  const CommandSpec* command = nullptr;
  std::vector<std::string> words;  // The command's arguments.
  // Given options, in the order of the tables.
  std::vector<std::pair<const OptionSpec*, OptionText>> texts;
  bool help = false;
  bool version = false;
  bool config_help = false;
};

// --- What is refused ----------------------------------------------------------------------------

// "see --help", or "see bottledwater status --help".
std::string SeeHelp(const CommandSpec& command) {
  return command.name.empty() ? "see --help"
                              : fmt::format("see bottledwater {} --help", command.name);
}

// Names that a user may have meant: options of all commands.
std::vector<std::string_view> NamesOfAllOptions(Commands commands) {
  std::vector<std::string_view> names = OptionNames();
  for (const CommandSpec& command : commands) {
    for (const OptionSpec& option : command.own_options) names.push_back(option.name);
  }
  return names;
}

[[noreturn]] void RefuseWord(const std::string& word, const CommandSpec& command,
                             Commands commands) {
  if (!command.name.empty()) {
    throw UsageError(fmt::format("{}: unexpected argument \"{}\" ({})", command.name,
                                 Printable(word), SeeHelp(command)));
  }
  std::vector<std::string_view> names;
  for (const CommandSpec& other : commands) names.push_back(other.name);
  const std::string suggestion = DidYouMean(word, names);
  if (!suggestion.empty()) {
    throw UsageError(fmt::format("unknown command {}{} (see --help)", Printable(word), suggestion));
  }
  throw UsageError(
      fmt::format("unexpected argument \"{}\": it is no command, and every value belongs to an "
                  "option (see --help)",
                  Printable(word)));
}

[[noreturn]] void RefuseExtra(const std::string& extra, const CommandSpec& command,
                              Commands commands) {
  // The value after the "=" may be a secret.
  const std::string typed = extra.substr(0, extra.find('='));
  if (typed.starts_with("--")) {
    throw UsageError(fmt::format("unknown option {}{} (see --help)", Printable(typed),
                                 DidYouMean(typed.substr(2), NamesOfAllOptions(commands), "--")));
  }
  if (typed.starts_with("-")) {
    throw UsageError(fmt::format("unknown option {} (see --help)", Printable(typed.substr(0, 2))));
  }
  RefuseWord(typed, command, commands);
}

// Rephrases CLI11's "--slot: 1 required TEXT missing".
[[noreturn]] void RefuseIncomplete(std::string_view message,
                                   const std::vector<const OptionSpec*>& options) {
  const std::string_view name = message.substr(0, message.find(':'));
  for (const OptionSpec* option : options) {
    if (!name.starts_with("--") || name.substr(2) != option->name || option->value_name.empty()) {
      continue;
    }
    throw UsageError(
        fmt::format("{}: the value is missing; write {}={}", name, name, option->value_name));
  }
  throw UsageError(Printable(message));
}

// CLI11 would take the next argument as the value of "--slot=", which a shell makes of
// --slot=$UNSET.
void RefuseEmptyValues(std::span<const char* const> arguments,
                       const std::vector<const OptionSpec*>& options) {
  for (const std::string_view argument : arguments) {
    if (!argument.starts_with("--") || argument.find('=') != argument.size() - 1) continue;
    const std::string_view name = argument.substr(2, argument.size() - 3);
    if (std::ranges::find(options, name, &OptionSpec::name) == options.end()) continue;
    throw UsageError(fmt::format("--{}: the value is empty; leave the option out", name));
  }
}

// An option that only other commands take.
void RequireTaken(const OptionSpec& option, const CommandSpec& command, Commands commands) {
  if (Takes(command, option)) return;
  std::vector<std::string_view> takers;
  for (const CommandSpec& other : commands) {
    if (!other.name.empty() && Takes(other, option)) takers.push_back(other.name);
  }
  if (command.name.empty()) {
    throw UsageError(fmt::format("--{}: only with the command {} (see --help)", option.name,
                                 fmt::join(takers, " or ")));
  }
  throw UsageError(fmt::format("--{}: not an option of the command {} ({})", option.name,
                               command.name, SeeHelp(command)));
}

void RequireArguments(const CommandSpec& command, const std::vector<std::string>& words) {
  const ArgumentsSpec& spec = command.arguments;
  if (words.size() < spec.min) {
    throw UsageError(fmt::format("{}: an argument is missing; write bottledwater {} {} ({})",
                                 command.name, command.name, spec.shown, SeeHelp(command)));
  }
  for (const std::string& word : words) {
    if (spec.or_tables && word.find('.') != std::string::npos) continue;
    if (spec.choices.empty() || std::ranges::find(spec.choices, word) != spec.choices.end()) {
      continue;
    }
    throw UsageError(fmt::format("{}: \"{}\" is not one of {}{}", command.name, Printable(word),
                                 fmt::join(spec.choices, ", "), DidYouMean(word, spec.choices)));
  }
}

// --- CLI11 --------------------------------------------------------------------------------------

class ArgumentParser {
 public:
  explicit ArgumentParser(Commands commands) : commands_(commands), options_(AllOptions(commands)) {
    app_.set_help_flag();  // We add our own: --help must win over every error.
    app_.allow_extras();
    app_.require_subcommand(0, 1);
    for (const OptionSpec* option : options_) AddOption(*option);
    app_.add_flag("-h,--help", parsed_.help);
    app_.add_flag("--version", parsed_.version);
    app_.add_flag("--config-help", parsed_.config_help);
    for (const CommandSpec& command : commands_) {
      if (!command.name.empty()) AddCommand(command);
    }
  }

  ParsedArguments Parse(int argc, const char* const* argv) {
    const std::span<const char* const> arguments(argv + 1, argv + argc);
    std::optional<std::string> incomplete;
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      incomplete = error.what();
    }
    FindCommandGiven();
    if (incomplete) {
      // The last option has no value. --help wins anyway.
      parsed_.help = std::ranges::any_of(arguments, [](std::string_view argument) {
        return argument == "-h" || argument == "--help";
      });
      if (!parsed_.help) RefuseIncomplete(*incomplete, options_);
    }
    if (parsed_.help || parsed_.version || parsed_.config_help) return std::move(parsed_);
    RefuseEmptyValues(arguments, options_);
    const std::vector<std::string> extras = app_.remaining(/*recurse=*/true);
    if (!extras.empty()) RefuseExtra(extras.front(), *parsed_.command, commands_);
    RequireArguments(*parsed_.command, parsed_.words);
    CollectTexts();
    return std::move(parsed_);
  }

 private:
  struct Bound {
    const OptionSpec* spec;
    CLI::Option* option;
    std::vector<std::string> values;
  };

  void AddOption(const OptionSpec& spec) {
    std::string names = fmt::format("--{}", spec.name);
    if (spec.letter != '\0') names = fmt::format("-{},{}", spec.letter, names);
    Bound& bound = bound_.emplace_back(Bound{&spec, nullptr, {}});
    // Otherwise further arguments would count as more values of this option.
    bound.option = spec.arity == OptionArity::kFlag
                       ? app_.add_flag(names)
                       : app_.add_option(names, bound.values)->allow_extra_args(false);
  }

  void AddCommand(const CommandSpec& command) {
    CLI::App* sub = app_.add_subcommand(std::string(command.name));
    sub->set_help_flag();
    sub->allow_extras();
    sub->fallthrough();  // Options may stand after the command, too.
    if (command.arguments.max == 0) return;
    CLI::Option* words = sub->add_option("ARGUMENTS", words_[command.name]);
    words->allow_extra_args(command.arguments.max > 1);
  }

  void FindCommandGiven() {
    const std::vector<CLI::App*> given = app_.get_subcommands();
    const std::string name = given.empty() ? "" : given.front()->get_name();
    parsed_.command = FindCommand(commands_, name);
    BW_CHECK(parsed_.command != nullptr);
    parsed_.words = words_[parsed_.command->name];
  }

  void CollectTexts() {
    for (const Bound& bound : bound_) {
      if (bound.option->count() == 0) continue;
      RequireTaken(*bound.spec, *parsed_.command, commands_);
      OptionText text{bound.values, fmt::format("--{}", bound.spec->name),
                      OptionSource::kCommandLine};
      if (bound.spec->arity == OptionArity::kFlag) text.values = {bound.option->results().back()};
      if (bound.spec->arity == OptionArity::kOne && text.values.size() > 1) {
        throw UsageError(fmt::format("{}: given {} times, and it has one value", text.where,
                                     text.values.size()));
      }
      parsed_.texts.emplace_back(bound.spec, std::move(text));
    }
  }

  const Commands commands_;
  const std::vector<const OptionSpec*> options_;
  ParsedArguments parsed_;
  CLI::App app_;
  std::list<Bound> bound_;  // A list, because CLI11 keeps pointers to its elements.
  std::map<std::string_view, std::vector<std::string>> words_;  // By command.
};

Invocation ReadInvocation(ParsedArguments arguments, const Environment& environment) {
  const CommandSpec& command = *arguments.command;
  OptionTexts shared;
  std::vector<std::pair<const OptionSpec*, OptionText>> own;
  for (auto& [option, text] : arguments.texts) {
    if (option->group == OptionGroup::kCommand) {
      own.emplace_back(option, std::move(text));
    } else {
      shared.emplace(option->name, std::move(text));
    }
  }
  Invocation invocation;
  const auto complete = [&](Options* options) {
    for (const auto& [option, text] : own) {
      // Another command may have an option of the same name for a field of its own.
      std::ranges::find(command.own_options, option->name, &OptionSpec::name)->set(text, options);
    }
    if (command.apply_arguments != nullptr) command.apply_arguments(arguments.words, options);
    if (!command.may_lack_files && !options->unread_files.empty()) {
      throw options->unread_files.begin()->second;
    }
    if (command.check != nullptr) command.check(*options);
  };
  if (command.groups.empty()) {
    complete(&invocation.options);
  } else {
    invocation.options = ReadOptions(std::move(shared), environment, complete);
  }
  invocation.arguments = std::move(arguments.words);
  return invocation;
}

}  // namespace

CommandLine ParseCommandLine(int argc, const char* const* argv, const Environment& environment,
                             std::span<const CommandSpec> commands) {
  ParsedArguments arguments = ArgumentParser(commands).Parse(argc, argv);
  CommandLine line;
  if (arguments.help) {
    line.text = HelpText(*arguments.command, commands);
  } else if (arguments.version) {
    line.text = VersionText();
  } else if (arguments.config_help) {
    line.text = ConfigHelpText() + KafkaPropertyHelp();
  } else {
    line.command = arguments.command;
    line.invocation = ReadInvocation(std::move(arguments), environment);
    line.invocation.commands = commands;
  }
  return line;
}

}  // namespace bw
