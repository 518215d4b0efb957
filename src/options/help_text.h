#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/exit_code.h"

namespace bw {

struct ExitCodeMeaning {
  ExitCode code;
  std::string_view meaning;
};

// Every exit code and its meaning, in ascending order, as --help lists them.
std::span<const ExitCodeMeaning> ExitCodeTable();

// The whole of --help, at most 100 columns wide: options by group, how they can be given, exit
// codes.
std::string HelpText();
// What --config-help prints before librdkafka's own list of properties.
std::string ConfigHelpText();
std::string VersionText();

}  // namespace bw
