#pragma once

#include "base/error.h"
#include "commands/command.h"

namespace bw {

// `replay`: publishes a range of the spool again, under another prefix, and says how much.
ExitCode RunReplay(const Invocation& invocation);
// Checks the options that it needs. Throws usage Errors.
void CheckReplay(const Options& options);

}  // namespace bw
