#pragma once

#include "base/stop.h"

namespace bw {

// From now on SIGTERM and SIGINT request a stop, and a second one of them ends the process at once
// with 128 + its number: like a kill -9, which is always safe here. SIGPIPE is ignored, since a
// peer that goes away is an error of the write. Call once, before any thread is started; `stop`
// must outlive the process' threads.
void InstallSignalHandlers(Stop* stop);

}  // namespace bw
