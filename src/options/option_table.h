#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "options/options.h"

namespace bw {

enum class OptionSource { kCommandLine, kEnvironment, kPrivateFile, kWorldReadableFile };

// One option as one source gave it.
struct OptionText {
  std::vector<std::string> values;  // A flag has "true" or "false".
  std::string where;                // For messages: "--slot", "relay.conf:3: slot".
  OptionSource source = OptionSource::kCommandLine;
  std::vector<int> lines = {};  // Of a file, of each value; or none.

  // For a message about one of the values.
  std::string PlaceOf(size_t value) const {
    return lines.empty() ? where : where + ":" + std::to_string(lines.at(value));
  }
};

enum class OptionArity {
  kFlag,
  kOne,
  kMany,        // May be given several times; one source replaces the others as a whole.
  kProperties,  // key=value, several times; the sources are merged key by key.
};

// One row of the table that the command line, the environment, the configuration file, --help and
// the documents all follow.
struct OptionSpec {
  char letter;  // '\0' for none.
  std::string_view name;
  std::string_view value_name;  // Empty for flags.
  OptionArity arity;
  std::string_view group;
  std::string_view default_text;  // Empty when there is none worth showing.
  std::string_view help;
  // Reads the text into the field of the folder's own options; throws usage Errors that start with
  // text.where when it cannot be read. What a value may be is CheckOptions()'s.
  void (*set)(const OptionText& text, Options* options);
};

std::span<const OptionSpec> OptionTable();
const OptionSpec* FindOption(std::string_view name);

// "--max-wal-retained" is BOTTLEDWATER_MAX_WAL_RETAINED, and of the property sasl.password of
// --kafka-config it is BOTTLEDWATER_KAFKA_CONFIG_SASL_PASSWORD ("kafka-config.sasl.password").
std::string EnvironmentName(std::string_view option_name);

}  // namespace bw
