#pragma once

#include <span>
#include <string>
#include <string_view>

#include "commands/command.h"

namespace bw {

// What follows "bottledwater" in the command's usage.
std::string Synopsis(const CommandSpec& command);

// What --help prints for a command, at most 100 columns wide: its options by group. Of what is done
// without a command: also the commands, how options can be given, and the exit codes.
std::string HelpText(const CommandSpec& command, std::span<const CommandSpec> commands);
// What --config-help prints before librdkafka's own list of properties.
std::string ConfigHelpText();
std::string VersionText();

// Units, environment, file, and which of them wins.
std::string_view HowOptionsAreGiven();

}  // namespace bw
