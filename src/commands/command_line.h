#pragma once

#include <span>
#include <string>

#include "commands/command.h"
#include "options/option_sources.h"

namespace bw {

// What a command line asks for: a command to run, or a text to print.
struct CommandLine {
  const CommandSpec* command = nullptr;  // nullptr: print `text` and exit 0.
  std::string text;
  Invocation invocation;
};

// Finds the command and reads and checks all its options, which may stand before and after its
// name. `commands` begins with what is done without one, and must outlive the result. Throws usage
// Errors that name the option and where it was given, and suggest what was probably meant.
CommandLine ParseCommandLine(int argc, const char* const* argv, const Environment& environment,
                             std::span<const CommandSpec> commands);

}  // namespace bw
