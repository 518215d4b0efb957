#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bw {

// The file given by --config, in TOML; the keys are the long names of the options:
//
//   # A comment.
//   postgres = "postgres://relay@db.example/shop"
//   allow-unkeyed = true
//   tables = ["public.*", "sales.*"]
//
//   [kafka-config]
//   "sasl.mechanism" = "PLAIN"       # Or, as a dotted key: sasl.mechanism = "PLAIN".

struct ConfigValue {
  std::string property;   // "sasl.mechanism"; empty outside tables.
  std::string_view type;  // "a string", "an integer", ...
  std::string text;       // Of strings, integers and booleans: what the option is given.
  int line = 0;
};

struct ConfigEntry {
  std::string key;
  std::string_view type;            // As a value's, or "an array", "a table".
  std::vector<ConfigValue> values;  // One for a single value.
  int line = 0;
};

// The entries in the order of their lines. Throws usage Errors that begin with `name` and the line;
// they say what to write instead where the file has the format of before 0.1, and repeat no value.
std::vector<ConfigEntry> ParseConfigFile(std::string_view name, std::string_view text);

}  // namespace bw
