#pragma once

#include <span>
#include <string_view>

#include "base/error.h"

namespace bw {

struct ExitCodeMeaning {
  ExitCode code;
  std::string_view meaning;
};

// Every exit code and its meaning, in ascending order, as --help and the man page list them.
std::span<const ExitCodeMeaning> ExitCodeTable();

}  // namespace bw
