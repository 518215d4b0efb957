#pragma once

#include <string>
#include <vector>

#include "capture/capture.h"
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

// `tables` are patterns of TableFilter; throws a usage Error when they select nothing that is
// captured. False when a stop was requested or the spool has no room. When it throws or returns
// false, nothing of it is in the spool; begin again.
bool ResnapshotTables(const CaptureParts& parts, const std::vector<std::string>& tables,
                      Spool* spool, const CaptureHooks& hooks);

// The same for the tables that are noted (Ledger::rereads), without anybody's asking: of those, the
// ones that the publications publish and our role may read. What stands in the way before anything
// is read (no free slot, transactions that do not end within 10 s, a right) is a warning, and the
// answer kNotNow: stream on, and try again later. What fails then is thrown, as by
// ResnapshotTables.
enum class RereadResult { kDone, kNothing, kNotNow };
RereadResult RereadNotedTables(const CaptureParts& parts, Spool* spool, const CaptureHooks& hooks);

}  // namespace bw
