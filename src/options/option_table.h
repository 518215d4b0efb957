#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "options/option_spec.h"

namespace bw {

// "What is captured".
std::string_view TitleOf(OptionGroup group);

std::span<const OptionSpec> OptionTable();
const OptionSpec* FindOption(std::string_view name);

// Options that print something and end; on the command line only.
struct PrintingFlag {
  char letter;  // '\0' for none.
  std::string_view name;
  std::string_view help;
};
std::span<const PrintingFlag> PrintingFlags();

// The names of both, for suggestions.
std::vector<std::string_view> OptionNames();

// For "max-wal-retained" BOTTLEDWATER_MAX_WAL_RETAINED; for "kafka-config.sasl.password", a
// property of --kafka-config, BOTTLEDWATER_KAFKA_CONFIG_SASL_PASSWORD.
std::string EnvironmentName(std::string_view option_name);

}  // namespace bw
