#pragma once

#include <optional>
#include <string>
#include <vector>

#include "capture/capture.h"
#include "capture/publication_setup.h"
#include "spool/spool.h"

namespace bw {

// What a first start will do, decided before anything is done.
struct FirstStartPlan {
  ServerView view;
  PublicationPlan publications;
  // The caller knows that a slot of our name may go, for a new snapshot. PrepareFirstStart leaves
  // it false: then only what an unfinished first start left (the spool's phase is kFirstStart) is
  // dropped, and a slot that comes up otherwise, perhaps another relay's, ends the start by Halt
  // kHaltForeignSlot.
  bool drop_slot = false;
  // A re-snapshot: the lineages whose checkpoints it supersedes (SpoolState).
  std::optional<std::vector<std::string>> supersedes;
};

// Decides, on the server that was looked at through `server`. Refuses everything that cannot work,
// by Halt errors with remedies, and leaves nothing behind: call it before the spool's directory is
// made.
FirstStartPlan PrepareFirstStart(const CaptureOptions& options, const OpenedServer& server);

// From nothing to a spool in phase kStreaming. `connection` is the one through which the server was
// looked at:
//
//   the spool notes the intent (BeginFirstStart)    a crash from here on starts over
//   drop the slot that an unfinished first start left; make the publication
//   create the slot, exporting its snapshot
//   read all tables into the spool
//   EndSnapshot at {consistent point - 1, consistent point}: durable, and visible at once
//
// With skip_snapshot, BeginStreamingAt the consistent point instead of the last two.
//
// When it throws or is stopped before the last step, the spool stays in phase kFirstStart, and the
// slot and publication that it made are taken back as far as the server still answers. Returns
// true in phase kStreaming, false when a stop was requested.
bool RunFirstStart(const CaptureParts& parts, const FirstStartPlan& plan,
                   ServerConnection* connection, Spool* spool);

}  // namespace bw
