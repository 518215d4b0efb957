#pragma once

#include "base/stop.h"

namespace bw {

// From now on SIGTERM and SIGINT request a stop, and a second one ends the process at once with
// 128 + its number: like a kill -9, which is always safe here. SIGPIPE is ignored, because writing
// to a closed connection returns an error anyway. Call once, before any thread is started; `stop`
// must outlive the process' threads.
void InstallSignalHandlers(Stop* stop);

}  // namespace bw
