#pragma once

#include "commands/command.h"

namespace bw {

// The options that `tail` needs; a usage Error for the first that is wrong.
void CheckTail(const Options& options);

// Writes topics to standard output until the end, Ctrl-C, or until nobody reads them any more.
ExitCode RunTail(const Invocation& invocation);

}  // namespace bw
