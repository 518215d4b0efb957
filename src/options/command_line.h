#pragma once

#include <map>
#include <string>

#include "options/options.h"

namespace bw {

// The environment variables that start with BOTTLEDWATER_, by name.
using Environment = std::map<std::string, std::string>;
Environment EnvironmentOfProcess();

// What a command line asks for.
struct CommandLine {
  enum class Action {
    kRun,
    kPrint,       // --help, --version: print `text` to standard output and exit 0.
    kConfigHelp,  // Print `text`, then librdkafka's own list of properties, and exit 0.
  };
  Action action = Action::kRun;
  std::string text;
  Options options;  // For kRun.
};

// Reads and checks all options. The command line wins over the environment, and the environment
// over the file given by --config. Throws usage Errors that name the option and where it was given.
CommandLine ParseCommandLine(int argc, const char* const* argv, const Environment& environment);

// Throws a usage Error that begins with the name of an option that is missing, out of range, or
// contradicts another: "--slot: ...".
void CheckOptions(const Options& options);

}  // namespace bw
