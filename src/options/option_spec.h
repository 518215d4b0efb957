#pragma once

#include <map>
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
  // Where each value was given, if that can be told more exactly: "relay.conf:3".
  std::vector<std::string> places = {};

  // For a message about one of the values.
  const std::string& PlaceOf(size_t value) const {
    return places.empty() ? where : places.at(value);
  }
};

// What one source gave, by option name.
using OptionTexts = std::map<std::string, OptionText, std::less<>>;

enum class OptionArity {
  kFlag,
  kOne,
  kMany,        // May be repeated; the values of one source replace those of another as a whole.
  kProperties,  // key=value, may be repeated; the sources are merged key by key.
};

// Options that commands take together, under one heading of --help.
enum class OptionGroup {
  kServers,
  kCapture,
  kPublish,
  kSpool,
  kAfterHalt,
  kAdmin,
  kGeneral,
  kCommand
};

// Parses an option's text into its field. Throws usage Errors that start with text.where when it
// cannot be parsed. The check of the value's range follows when all options are known.
class OptionSetter {
 public:
  using Function = void(const OptionText& text, Options* options);
  // `choices` are the values that there are, if they can be listed.
  constexpr OptionSetter(Function* set, std::span<const std::string_view> choices = {})
      : set_(set), choices_(choices) {}

  void operator()(const OptionText& text, Options* options) const { set_(text, options); }
  constexpr std::span<const std::string_view> choices() const { return choices_; }

 private:
  Function* set_;
  std::span<const std::string_view> choices_;
};

// One row of the table that defines the command line, the environment, the configuration file and
// --help. The value's name says what it is: a FILE or DIR is a path, a NUMBER is decimal.
struct OptionSpec {
  char letter;  // '\0' for none.
  std::string_view name;
  std::string_view value_name;  // Empty for flags.
  OptionArity arity;
  OptionGroup group;
  std::string_view default_text;  // Empty when there is none worth showing.
  std::string_view help;
  OptionSetter set;
};

}  // namespace bw
