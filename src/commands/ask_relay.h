#pragma once

#include "base/error.h"
#include "commands/command.h"

namespace bw {

// Commands that ask the running relay by the socket in its spool. All but resnapshot throw an Error
// when none runs.

// `status`: prints /status as a screen or as JSON, once or every two seconds until a signal; when
// no relay runs, StatusAtRest, before the Error.
ExitCode ShowStatus(const Invocation& invocation);
// `pause [capture|publish]`, `resume [capture|publish|TABLE...]`.
ExitCode PauseRelay(const Invocation& invocation);
ExitCode ResumeRelay(const Invocation& invocation);

// `resnapshot [TABLE...]`: asks the relay that runs on the spool to read tables again. When none
// runs, takes the snapshot again and relays from then on.
ExitCode Resnapshot(const Invocation& invocation);

}  // namespace bw
