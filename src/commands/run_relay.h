#pragma once

#include "commands/command.h"
#include "relay/outside.h"

namespace bw {

// libpq, librdkafka, libcurl and the machine's clock.
Outside RealOutside(const Options& options);

// Relays on the real servers until a signal or an error ends it; also the command resnapshot, which
// the options name.
ExitCode RunRelay(const Invocation& invocation);

}  // namespace bw
