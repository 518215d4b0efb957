#pragma once

#include "capture/server_inspection.h"
#include "spool/spool_state.h"

namespace bw {

// Refuses to stream into this spool from anything but the slot that it belongs to: the last guard
// before START_REPLICATION, in every session, also when the server failed over or was restored
// while the relay ran. The relay's Reconcile decides more finely at start, and explains more.
//
// Throws Halt errors: kHaltOtherDatabase, kHaltSlot, kHaltForeignSlot, kHaltGap,
// kHaltDatabaseWentBack. Pure.
void RequireStreamable(const ServerView& view, const SpoolState& spool);

}  // namespace bw
