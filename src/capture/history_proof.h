#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "capture/pgoutput_message.h"
#include "spool/spool_state.h"

namespace bw {

// Whether the WAL that a stream brings is the continuation of the one that the spool was captured
// from. A database that was restored by copying files has the same system identifier and timeline,
// and when its WAL has grown past what was captured, no LSN tells: the transactions between look
// like those that the spool has.
//
// With S the newest captured transaction and C the slot's confirmed flush LSN:
//
//   C above S's commit LSN:  nobody but us moves the slot, and we do so behind proven transactions
//                            only: this server's past has S
//   else:                    the stream begins at S's commit LSN, so PostgreSQL sends S again; its
//                            commit LSN, xid and commit time must be the same
//
// Until that was seen, nothing may be confirmed. What commits behind S is taken as it comes, also
// where the spool has noted idle WAL: a server set back to a point behind S has all that was
// captured, and nothing that it commits then is missed.
//
// Of a spool that was lost and began anew at the checkpoint, only S's commit LSN is known: that one
// must commit there.
//
// Not seen: a slot that somebody made anew, or advanced, to an LSN between S's commit and
// captured.end_lsn; and S itself when other publications are streamed from than those that sent it.
// docs/decisions/0009-proof-of-history.md has the reasons.
//
// Pure; belongs to one session.
class HistoryProof {
 public:
  // `publications`: PublicationsChecksum of those that are streamed from.
  HistoryProof(const SpoolState& spool, Lsn confirmed_flush, uint32_t publications);

  // Where the stream must begin. Not above what is needed, and at or below captured.end_lsn.
  Lsn start_lsn() const { return start_lsn_; }
  // S was not seen yet.
  bool is_open() const { return is_open_; }
  // Each throws Halt kHaltDatabaseWentBack when the server's past is not ours.
  void OnBegin(const BeginMessage& begin);
  // Everything that committed below it was sent.
  void OnWalEnd(Lsn wal_end);

 private:
  void NotSentAgain(Lsn seen);

  const TransactionEnd last_;
  const uint32_t publications_;
  Lsn start_lsn_;
  bool is_open_ = false;
};

// The same for the same names, in whatever order.
uint32_t PublicationsChecksum(std::vector<std::string> names);

}  // namespace bw
