#pragma once

#include <string>
#include <string_view>

namespace bw {

struct FileText {
  std::string text;
  bool world_readable = false;
};

// Reads configuration or a secret, at most 1 MiB. `where` names the option in the usage Errors that
// it throws.
FileText ReadSmallFile(std::string_view where, const std::string& path);

}  // namespace bw
