#include "commands/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "base/error.h"

namespace bw {
namespace {

using Commands = std::span<const CommandSpec>;
using Names = std::vector<std::string>;

enum class ValueKind { kNone, kOther, kFile, kDirectory, kChoice };

ValueKind KindOf(const OptionSpec& option) {
  if (option.arity == OptionArity::kFlag) return ValueKind::kNone;
  if (!option.set.choices().empty()) return ValueKind::kChoice;
  if (option.value_name == "FILE") return ValueKind::kFile;
  return option.value_name == "DIR" ? ValueKind::kDirectory : ValueKind::kOther;
}

std::vector<const OptionSpec*> OptionsOf(const CommandSpec& command) {
  std::vector<const OptionSpec*> options = SharedOptions(command);
  for (const OptionSpec& option : command.own_options) options.push_back(&option);
  return options;
}

Names CommandNames(Commands commands) {
  Names names;
  for (const CommandSpec& command : commands) {
    if (!command.name.empty()) names.emplace_back(command.name);
  }
  return names;
}

// "--slot" and "-s".
Names Spellings(const OptionSpec& option) {
  Names spellings = {fmt::format("--{}", option.name)};
  if (option.letter != '\0') spellings.push_back(fmt::format("-{}", option.letter));
  return spellings;
}

std::string Replaced(std::string_view text, std::string_view characters, std::string_view prefix) {
  std::string out;
  for (const char c : text) {
    if (characters.find(c) != std::string_view::npos) out += prefix;
    out.push_back(c);
  }
  return out;
}

// As one word of bash or zsh.
std::string Quoted(std::string_view text) {
  return fmt::format("'{}'", Replaced(text, "'", "'\\'"));
}

// --- bash ---------------------------------------------------------------------------------------

// The spellings of the options with this kind of value, as a pattern of `case`.
std::string BashPattern(const std::vector<const OptionSpec*>& options, ValueKind kind) {
  Names spellings;
  for (const OptionSpec* option : options) {
    if (KindOf(*option) != kind) continue;
    for (std::string& spelling : Spellings(*option)) spellings.push_back(std::move(spelling));
  }
  return fmt::format("{}", fmt::join(spellings, " | "));
}

// What stands after an option.
std::string BashValues(const std::vector<const OptionSpec*>& options) {
  std::string out;
  for (const OptionSpec* option : options) {
    if (KindOf(*option) != ValueKind::kChoice) continue;
    out += fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return ;;\n",
                       fmt::join(Spellings(*option), " | "), fmt::join(option->set.choices(), " "));
  }
  const struct {
    ValueKind kind;
    std::string_view action;
  } kinds[] = {{ValueKind::kFile,
                "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return"},
               {ValueKind::kDirectory,
                "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"); return"},
               {ValueKind::kOther, "return"}};
  for (const auto& [kind, action] : kinds) {
    out += fmt::format("    {}) {} ;;\n", BashPattern(options, kind), action);
  }
  return out;
}

std::string BashScript(Commands commands) {
  const std::vector<const OptionSpec*> options = AllOptions(commands);
  Names valued;
  for (const ValueKind kind :
       {ValueKind::kOther, ValueKind::kFile, ValueKind::kDirectory, ValueKind::kChoice}) {
    valued.push_back(BashPattern(options, kind));
  }
  std::string of_commands;
  for (const CommandSpec& command : commands) {
    Names names;
    for (const OptionSpec* option : OptionsOf(command)) {
      names.push_back(fmt::format("--{}", option->name));
    }
    for (const PrintingFlag& flag : PrintingFlags()) {
      if (command.name.empty() || flag.name == "help")
        names.push_back(fmt::format("--{}", flag.name));
    }
    const Names words = command.name.empty() ? CommandNames(commands)
                                             : Names(command.arguments.choices.begin(),
                                                     command.arguments.choices.end());
    of_commands += fmt::format("    {}) options='{}' words='{}' ;;\n",
                               command.name.empty() ? "''" : command.name, fmt::join(names, " "),
                               fmt::join(words, " "));
  }
  return fmt::format(R"(# bash completion for bottledwater: source <(bottledwater completion bash)
_bottledwater() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} option=${{COMP_WORDS[COMP_CWORD-1]}}
  local command= options words i
  COMPREPLY=()
  # bash splits --name=value at the "=".
  if [[ $cur == = ]]; then
    cur=
  elif [[ $option == = ]]; then
    option=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
    {valued})
      [[ ${{COMP_WORDS[i+1]}} == = ]] && ((i++))
      ((i++))
      ;;
    {names}) command=${{COMP_WORDS[i]}} && break ;;
    esac
  done
  case $option in
{values}  esac
  case $command in
{of_commands}  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  fi
}}
complete -F _bottledwater bottledwater
)",
                     fmt::arg("valued", fmt::to_string(fmt::join(valued, " | "))),
                     fmt::arg("names", fmt::to_string(fmt::join(CommandNames(commands), " | "))),
                     fmt::arg("values", BashValues(options)), fmt::arg("of_commands", of_commands));
}

// --- zsh ----------------------------------------------------------------------------------------

std::string ZshAction(const OptionSpec& option) {
  switch (KindOf(option)) {
    case ValueKind::kFile:
      return "_files";
    case ValueKind::kDirectory:
      return "_files -/";
    case ValueKind::kChoice:
      return fmt::format("({})", fmt::join(option.set.choices(), " "));
    case ValueKind::kNone:
    case ValueKind::kOther:
      return " ";
  }
  BW_CHECK(false);
}

// One word for _arguments: its syntax is "(others)--name=[help]:value:action".
std::string ZshOption(const OptionSpec& option, const std::string& spelling) {
  const bool has_value = KindOf(option) != ValueKind::kNone;
  const bool repeats =
      option.arity == OptionArity::kMany || option.arity == OptionArity::kProperties;
  std::string text = repeats ? "*" : fmt::format("({})", fmt::join(Spellings(option), " "));
  text += spelling;
  if (has_value) text += spelling.starts_with("--") ? "=" : "+";
  text += fmt::format("[{}]", Replaced(option.help, "[]:\\", "\\"));
  if (has_value) {
    text += fmt::format(":{}:{}", Replaced(option.value_name, ":\\", "\\"), ZshAction(option));
  }
  return Quoted(text);
}

std::string ZshScript(Commands commands) {
  std::string described, of_commands;
  for (const CommandSpec& command : commands) {
    Names options, words;
    for (const OptionSpec* option : OptionsOf(command)) {
      for (const std::string& spelling : Spellings(*option)) {
        options.push_back("\n        " + ZshOption(*option, spelling));
      }
    }
    for (const std::string_view word : command.arguments.choices) words.emplace_back(Quoted(word));
    if (!command.name.empty()) {
      described += fmt::format(
          "    {}\n",
          Quoted(fmt::format("{}:{}", command.name, Replaced(command.summary, ":\\", "\\"))));
    }
    of_commands += fmt::format(
        "    ({})\n      options+=({})\n      words_of_command=({})\n      ;;\n",
        command.name.empty() ? "''" : command.name, fmt::join(options, ""), fmt::join(words, " "));
  }
  return fmt::format(R"(#compdef bottledwater
# zsh completion for bottledwater: put it into a folder of $fpath as _bottledwater.
_bottledwater() {{
  local curcontext="$curcontext" state line command=
  local -a commands options words_of_command
  local -A opt_args
  commands=(
{described}  )
  command=${{words[2,CURRENT-1][(r)({names})]}}
  options=('(-h --help)-h[Print help.]' '(-h --help)--help[Print help.]')
  case $command in
{of_commands}  esac
  _arguments -s $options '*: :->word' && return
  if [[ $state == word ]]; then
    if [[ -z $command ]]; then
      _describe -t commands command commands
    else
      compadd -a words_of_command
    fi
  fi
}}
compdef _bottledwater bottledwater
)",
                     fmt::arg("described", described),
                     fmt::arg("names", fmt::to_string(fmt::join(CommandNames(commands), "|"))),
                     fmt::arg("of_commands", of_commands));
}

// --- fish ---------------------------------------------------------------------------------------

std::string FishQuoted(std::string_view text) {
  return fmt::format("'{}'", Replaced(text, "'\\", "\\"));
}

// The condition under which an option is offered.
std::string FishCondition(const OptionSpec& option, Commands commands) {
  Names takers, others;
  for (const CommandSpec& command : commands) {
    if (!command.name.empty())
      (Takes(command, option) ? takers : others).emplace_back(command.name);
  }
  if (!Takes(commands.front(), option)) {
    return fmt::format(" -n '__fish_seen_subcommand_from {}'", fmt::join(takers, " "));
  }
  if (others.empty()) return "";
  return fmt::format(" -n 'not __fish_seen_subcommand_from {}'", fmt::join(others, " "));
}

std::string FishValue(const OptionSpec& option) {
  switch (KindOf(option)) {
    case ValueKind::kNone:
      return "";
    case ValueKind::kOther:
      return " -x";
    case ValueKind::kFile:
      return " -r -F";
    case ValueKind::kDirectory:
      return " -x -a '(__fish_complete_directories)'";
    case ValueKind::kChoice:
      return fmt::format(" -x -a '{}'", fmt::join(option.set.choices(), " "));
  }
  BW_CHECK(false);
}

std::string FishScript(Commands commands) {
  const std::string names = fmt::format("{}", fmt::join(CommandNames(commands), " "));
  std::string out =
      "# fish completion for bottledwater: bottledwater completion fish | source\n"
      "complete -c bottledwater -f\n";
  for (const CommandSpec& command : commands) {
    if (command.name.empty()) continue;
    out += fmt::format(
        "complete -c bottledwater -n 'not __fish_seen_subcommand_from {}' -a {} -d {}\n", names,
        command.name, FishQuoted(command.summary));
    if (command.arguments.choices.empty()) continue;
    out += fmt::format("complete -c bottledwater -n '__fish_seen_subcommand_from {}' -a '{}'\n",
                       command.name, fmt::join(command.arguments.choices, " "));
  }
  for (const OptionSpec* option : AllOptions(commands)) {
    const std::string letter = option->letter == '\0' ? "" : fmt::format(" -s {}", option->letter);
    out += fmt::format("complete -c bottledwater{} -l {}{}{} -d {}\n",
                       FishCondition(*option, commands), option->name, letter, FishValue(*option),
                       FishQuoted(option->help));
  }
  for (const PrintingFlag& flag : PrintingFlags()) {
    const std::string letter = flag.letter == '\0' ? "" : fmt::format(" -s {}", flag.letter);
    out += fmt::format("complete -c bottledwater -l {}{} -d {}\n", flag.name, letter,
                       FishQuoted(flag.help));
  }
  return out;
}

}  // namespace

std::string CompletionScript(std::string_view shell, std::span<const CommandSpec> commands) {
  if (shell == "bash") return BashScript(commands);
  if (shell == "zsh") return ZshScript(commands);
  BW_CHECK(shell == "fish");
  return FishScript(commands);
}

ExitCode RunCompletion(const Invocation& invocation) {
  std::cout << CompletionScript(invocation.arguments.front(), invocation.commands);
  return ExitCode::kOk;
}

}  // namespace bw
