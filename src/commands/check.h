#pragma once

#include "base/error.h"
#include "commands/command.h"

namespace bw {

// `check`: prints what a relay with these options would meet. The exit code is that of the first
// finding with which it would not start.
ExitCode RunCheck(const Invocation& invocation);

// CheckOptions, and what `check` takes besides. Throws a usage Error.
void CheckCheckOptions(const Options& options);

}  // namespace bw
