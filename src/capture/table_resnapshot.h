#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "spool/spool.h"

namespace bw {

// Takes the snapshot of some tables again, while everything else goes on where it was:
//
//   create a temporary slot: its consistent point P, and the snapshot of that moment
//   stream until exactly what commits before P is captured
//   read the tables in the snapshot into the spool
//   EndSnapshot at {P - 1, P}: durable, and visible at once
//
// so the rows stand in the spool between the changes that committed before P, which they hold
// already, and those that commit at P or later. The spool is in phase kStreaming, and no session
// runs; the next one goes on from P.
//
// `tables` are patterns of TableFilter; throws a usage Error when they select nothing that is
// captured. False when a stop was requested or the spool has no room. When it throws or returns
// false, nothing of it is in the spool; begin again.
bool ResnapshotTables(const CaptureOptions& options, const std::vector<std::string>& tables,
                      Spool* spool, CaptureFigures* figures, const Stop& stop,
                      const std::function<void()>& made_progress);

}  // namespace bw
