#pragma once

#include "base/lsn.h"
#include "capture/capture.h"
#include "spool/spool.h"

namespace bw {

// --skip-transaction: leaves out the transaction with this commit LSN, which PostgreSQL cannot
// send, and nothing else.
//
//   capture what commits before it
//   does the next transaction commit there?                  if not, say so and skip nothing
//   note the remedy in the spool, for the checkpoint
//   advance the spool past its WAL                           from here on it is skipped
//   move the slot past it: PostgreSQL then never sends it again
//
// If it was captured or skipped before, only moves the slot; if the slot is behind it, or the
// server's WAL does not reach it, says so and does nothing. False when a stop or a lack of room
// intervened: call it again.
bool SkipTransaction(const CaptureParts& parts, Lsn commit_lsn, Spool* spool, CaptureHooks hooks);

}  // namespace bw
