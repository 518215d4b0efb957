#pragma once

#include "commands/command.h"

namespace bw {

// Relays on the real servers until a signal or an error ends it; also the command resnapshot, which
// the options name.
ExitCode RunRelay(const Invocation& invocation);

}  // namespace bw
