#pragma once

#include <optional>
#include <string>
#include <vector>

#include "capture/capture.h"
#include "capture/publication_setup.h"
#include "capture/snapshot_tables.h"
#include "spool/spool.h"

namespace bw {

// What a first start will do, decided before anything is done.
struct FirstStartPlan {
  ServerView view;
  PublicationPlan publications;
  // Set by a caller that knows that a slot of our name may be dropped, for a new snapshot.
  // PrepareFirstStart leaves it false: then only the slot of an unfinished first start (the spool's
  // phase is kFirstStart) is dropped, and any other slot of this name, perhaps another relay's,
  // ends the start with Halt kHaltForeignSlot.
  bool drop_slot = false;
  // A re-snapshot: the lineages whose checkpoints it supersedes (SpoolState).
  std::optional<std::vector<std::string>> supersedes;
};

// What the snapshot of a first start reads, based on the publications as the plan will have made
// them. Pure.
std::vector<SnapshotTable> TablesToRead(const PublicationFacts& facts, const PublicationPlan& plan,
                                        const CaptureOptions& options);

// Decides for the server that was inspected through `server`. Refuses everything that cannot work
// with Halt errors and remedies, and leaves nothing behind: call it before the spool's directory is
// created.
FirstStartPlan PrepareFirstStart(const CaptureOptions& options, const OpenedServer& server);

// From nothing to a spool in phase kStreaming. `connection` is the one through which the server was
// inspected:
//
//   the spool notes the intent (BeginFirstStart)    a crash from here on starts over
//   drop the slot of an unfinished first start; create the publication
//   create the slot, exporting its snapshot
//   read all tables into the spool
//   EndSnapshot at {consistent point - 1, consistent point}: durable, and visible at once
//
// With skip_snapshot, BeginStreamingAt the consistent point instead of the last two.
//
// When it throws or is stopped before the last step, the spool stays in phase kFirstStart, and the
// slot and publication that it created are dropped if the server still answers. Returns true in
// phase kStreaming, false when a stop was requested.
bool RunFirstStart(const CaptureParts& parts, const FirstStartPlan& plan,
                   ServerConnection* connection, Spool* spool);

}  // namespace bw
