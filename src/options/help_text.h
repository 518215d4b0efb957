#pragma once

#include <string>

namespace bw {

// The whole of --help, at most 100 columns wide: options by group, how they can be given, exit
// codes.
std::string HelpText();
// What --config-help prints before librdkafka's own list of properties.
std::string ConfigHelpText();
std::string VersionText();

}  // namespace bw
