#pragma once

#include "base/error.h"
#include "commands/command.h"

namespace bw {

// `inspect`: prints what is in a spool, without changing it (docs/inspect.md).
ExitCode RunInspect(const Invocation& invocation);
// Throws usage Errors.
void CheckInspect(const Options& options);

}  // namespace bw
