#pragma once

#include <span>

#include "commands/command.h"

namespace bw {

// All commands; the first row is what is done without one.
std::span<const CommandSpec> CommandTable();

}  // namespace bw
