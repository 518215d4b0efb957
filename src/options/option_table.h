#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "options/options.h"

namespace bw {

enum class OptionSource { kCommandLine, kEnvironment, kPrivateFile, kWorldReadableFile };

// The text of one option from one source.
struct OptionText {
  std::vector<std::string> values;  // A flag has "true" or "false".
  std::string where;                // For messages: "--slot", "relay.conf:3: slot".
  OptionSource source = OptionSource::kCommandLine;
  std::vector<int> lines = {};  // The line of each value, if from a file with lines.

  // For a message about one of the values.
  std::string PlaceOf(size_t value) const {
    return lines.empty() ? where : where + ":" + std::to_string(lines.at(value));
  }
};

enum class OptionArity {
  kFlag,
  kOne,
  kMany,        // May be repeated; the values of one source replace those of another as a whole.
  kProperties,  // key=value, may be repeated; the sources are merged key by key.
};

// One row of the table that defines the command line, the environment, the configuration file and
// --help.
struct OptionSpec {
  char letter;  // '\0' for none.
  std::string_view name;
  std::string_view value_name;  // Empty for flags.
  OptionArity arity;
  std::string_view group;
  std::string_view default_text;  // Empty when there is none worth showing.
  std::string_view help;
  // Parses the text into its field. Throws usage Errors that start with text.where when it cannot
  // be parsed. CheckOptions() checks the value's range.
  void (*set)(const OptionText& text, Options* options);
};

std::span<const OptionSpec> OptionTable();
const OptionSpec* FindOption(std::string_view name);

// For "max-wal-retained" BOTTLEDWATER_MAX_WAL_RETAINED; for "kafka-config.sasl.password", a
// property of --kafka-config, BOTTLEDWATER_KAFKA_CONFIG_SASL_PASSWORD.
std::string EnvironmentName(std::string_view option_name);

}  // namespace bw
