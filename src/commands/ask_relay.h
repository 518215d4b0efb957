#pragma once

#include "base/error.h"
#include "commands/command.h"

namespace bw {

// Commands that ask the running relay by the socket in its spool. All throw an Error when none
// runs.

// `status`: prints /status as a screen or as JSON, once or every two seconds until a signal.
ExitCode ShowStatus(const Invocation& invocation);
// `pause [capture|publish]`, `resume [capture|publish]`.
ExitCode PauseRelay(const Invocation& invocation);
ExitCode ResumeRelay(const Invocation& invocation);

}  // namespace bw
