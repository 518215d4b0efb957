#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "options/option_table.h"
#include "options/options.h"

namespace bw {

// The words after a command's name.
struct ArgumentsSpec {
  std::string_view shown;  // As in --help: "[TABLE...]". Empty when there are none.
  size_t min = 0;
  size_t max = 0;
  // The words there are, if they can be listed.
  std::span<const std::string_view> choices = {};
  bool or_tables = false;  // Beside `choices`, names of tables: words with a dot.
};

struct CommandSpec;

// What the user has asked for, once it is read and checked.
struct Invocation {
  std::span<const CommandSpec> commands;  // All that there are.
  Options options;
  std::vector<std::string> arguments;
};

// One row of the table of commands, from which the command line, --help, the man page and the
// shells' completion are derived.
struct CommandSpec {
  std::string_view name = {};  // Empty for what is done without a command.
  ArgumentsSpec arguments = {};
  std::string_view summary = {};      // One line, for the list of commands.
  std::string_view description = {};  // Paragraphs separated by empty lines.
  // The options that the command takes. With none of them it reads neither environment nor file.
  std::span<const OptionGroup> groups = {};
  // Further ones, which it has alone and which are given on the command line only. Where commands
  // have one of the same name, it takes a value in all of them or in none. Their group is
  // OptionGroup::kCommand.
  std::span<const OptionSpec> own_options = {};
  // Goes on without files of secrets that it cannot read (Options::unread_files), since it does not
  // need them, or not before it has asked for a running relay.
  bool may_lack_files = false;
  // Puts the arguments into the options before these are checked. Throws usage Errors.
  void (*apply_arguments)(const std::vector<std::string>& arguments, Options* options) = nullptr;
  // Throws a usage Error that begins with the option that is wrong: CheckOptions, or the part of it
  // that the command needs.
  void (*check)(const Options& options) = nullptr;
  // Does the work, and returns how the process ends. Logging is not yet started. Throws Errors.
  ExitCode (*run)(const Invocation& invocation) = nullptr;
};

// The row of this name, or nullptr.
const CommandSpec* FindCommand(std::span<const CommandSpec> commands, std::string_view name);

// Whether the option is one of a group of the command, or its own.
bool Takes(const CommandSpec& command, const OptionSpec& option);

// The rows of the option table that the command takes, without its own.
std::vector<const OptionSpec*> SharedOptions(const CommandSpec& command);

// All options of all commands, each once: that one belongs to another command is found out when the
// command is known, wherever it stands.
std::vector<const OptionSpec*> AllOptions(std::span<const CommandSpec> commands);

}  // namespace bw
