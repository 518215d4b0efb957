#pragma once

#include <span>
#include <string_view>

#include "base/exit_code.h"

namespace bw {

struct ExitCodeMeaning {
  ExitCode code;
  std::string_view meaning;
};

// Every exit code and its meaning, in ascending order, as --help lists them.
std::span<const ExitCodeMeaning> ExitCodeTable();

}  // namespace bw
