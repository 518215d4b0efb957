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
// The same for a secret: refuses a file that every user of this machine can read.
std::string ReadSecretFile(std::string_view where, const std::string& path);

}  // namespace bw
