#pragma once

#include <string>
#include <vector>

#include "capture/capture.h"
#include "capture/held_back_tables.h"
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
// In all cases but kDone nothing of it is in the spool: begin again. So also when it throws.
enum class RereadResult {
  kDone,
  kNothing,  // No noted table can be read.
  // Something stands in the way, a stop was requested, or the spool has no room.
  kNotNow,
  kGaveWay,   // To a statement of others (snapshot_hold.h).
  kObstacle,  // One of the tables cannot be read now and is held back; the others can.
};

// Whether the snapshot is given up when a statement of others waits for it.
enum class SnapshotManners { kGivesWay, kKeepsOn };

// `tables` are patterns of TableFilter; throws a usage Error when they select nothing that is
// captured, and a Halt kMissingRight when our role may not read one of them.
RereadResult ResnapshotTables(const CaptureParts& parts, const std::vector<std::string>& tables,
                              Spool* spool, const CaptureHooks& hooks, SnapshotManners manners);

// The same for the tables that are noted (Ledger::rereads), without anybody's asking: of those, the
// ones that the publications publish and our role may read. What stands in the way before anything
// is read (no free slot, transactions that do not end within 2 s, a right) is a warning, and the
// answer kNotNow: stream on, and try again later. A table that cannot be read is held back, with a
// warning. What fails else is thrown, as by ResnapshotTables.
RereadResult RereadNotedTables(const CaptureParts& parts, HeldBackTables* held_back, Spool* spool,
                               const CaptureHooks& hooks, SnapshotManners manners);

}  // namespace bw
