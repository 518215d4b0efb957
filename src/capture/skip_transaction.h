#pragma once

#include "base/lsn.h"
#include "capture/capture.h"
#include "spool/spool.h"

namespace bw {

// --skip-transaction: leaves out the transaction with this commit LSN, which PostgreSQL cannot
// send, and nothing else.
//
//   capture what commits before it
//   does the transaction that comes next commit there?       else say so, and skip nothing
//   note the remedy in the spool, for the checkpoint
//   note in the spool that its WAL is behind us              from here on it is skipped
//   move the slot past it: PostgreSQL then never sends it again
//
// When it was captured or skipped before, only the slot is moved. False when a stop, or a lack of
// room, came before the end: call it again.
bool SkipTransaction(const CaptureParts& parts, Lsn commit_lsn, Spool* spool, CaptureHooks hooks);

}  // namespace bw
