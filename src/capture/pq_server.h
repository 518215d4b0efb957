#pragma once

#include <memory>

#include "base/stop.h"
#include "capture/capture_options.h"
#include "capture/postgres_server.h"

namespace bw {

// A real server, through libpq. Connects when it is asked to. All arguments must outlive it.
std::unique_ptr<PostgresServer> MakePqServer(const CaptureOptions& options, CaptureFigures* figures,
                                             const Stop& stop);

}  // namespace bw
