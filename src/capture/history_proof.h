#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "capture/pgoutput_message.h"
#include "spool/spool_state.h"

namespace bw {

// Whether the WAL of a stream continues the WAL that the spool was captured from. A database that
// was restored by copying files has the same system identifier and timeline, and once its WAL has
// grown past what was captured, no LSN tells the difference: new transactions look like those that
// the spool has.
//
// With S the newest captured transaction and C the slot's confirmed flush LSN:
//
//   C above S's commit LSN:  only we advance the slot, and only past proven transactions, so this
//                            server has S in its history
//   else:                    the stream begins at S's commit LSN, so PostgreSQL sends S again; its
//                            commit LSN, xid and commit time must be the same
//
// Until then nothing may be confirmed. What commits after S is captured as it arrives, even where
// the spool has noted idle WAL: a server that was restored to a point after S has everything that
// was captured, and nothing that it commits later is missed.
//
// In a spool that was lost and began anew at the checkpoint, only S's commit LSN is known: some
// transaction must commit there.
//
// Not detected: a slot that somebody recreated at, or advanced to, an LSN between S's commit and
// captured.end_lsn. Not checkable: S itself, when the stream has other publications than those that
// sent it. The reasons are in docs/decisions/0009-proof-of-history.md.
//
// Pure; belongs to one session.
class HistoryProof {
 public:
  // `publications`: the PublicationsChecksum of the stream's publications.
  HistoryProof(const SpoolState& spool, Lsn confirmed_flush, uint32_t publications);

  // Where the stream must begin; at or below captured.end_lsn.
  Lsn start_lsn() const { return start_lsn_; }
  // S has not been seen yet.
  bool is_open() const { return is_open_; }
  // Both throw Halt kHaltDatabaseWentBack when the server's history is not ours.
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

// Equal for the same names in any order.
uint32_t PublicationsChecksum(std::vector<std::string> names);

}  // namespace bw
