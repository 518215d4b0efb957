#pragma once

#include <span>
#include <string_view>

#include "base/exit_code.h"

namespace bw {

struct ExitCodeMeaning {
  ExitCode code;
  std::string_view meaning;
};

// Every exit code and what it means, in ascending order: what --help lists.
std::span<const ExitCodeMeaning> ExitCodeTable();

}  // namespace bw
