#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bw {

// The file given by --config, in CLI11's format (a small subset of TOML):
//
//   # A comment.
//   postgres = "postgres://relay@db.example/shop"
//   allow-unkeyed                    # A flag; "= true" and "= false" do as well.
//   tables = ["public.*", "sales.*"] # Several values, also over several lines.
//
// A value is everything up to a comment, or "..." (with \" \\ \n \t), or '...' (taken literally).
// Keys are the long names of the options. Unlike CLI11's own reader, this one reports lines,
// refuses a key that is given twice, and keeps a "#" inside quotes, e.g. in a password.

struct ConfigEntry {
  std::string key;
  std::vector<std::string> values;  // A flag without "=" has "true".
  int line = 0;
};

// Throws usage Errors that begin with `name` and the line.
std::vector<ConfigEntry> ParseConfigFile(std::string_view name, std::string_view text);

struct FileText {
  std::string text;
  bool world_readable = false;
};

// Reads configuration or a secret, at most 1 MiB. `where` names the option in messages.
FileText ReadSmallFile(std::string_view where, const std::string& path);

}  // namespace bw
