#pragma once

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "base/lsn.h"

namespace bw {

struct ConfirmFacts {
  Lsn previous;        // What the slot was told last.
  Lsn captured_end;    // Everything below is durable in the spool.
  Lsn published_end;   // Everything below is committed in Kafka.
  Lsn server_wal_end;  // As far as the server's WAL is known to reach.
  uint64_t max_wal_retained_bytes = 0;
};

// The flush LSN to report to the slot: from then on PostgreSQL may recycle the WAL below it.
//
// Lazy: it follows what is published, so that a lost spool disk loses nothing; but PostgreSQL
// retains at most max_wal_retained_bytes of unpublished WAL, and beyond that it follows the spool
// (with 0, always). Never above what the spool has synced; never moves back.
//
// The bound may be between two transactions or inside one. Both are fine: the server sends every
// transaction that commits at or after the LSN completely, and those that committed before it are
// in the spool.
inline Lsn ConfirmedFlush(const ConfirmFacts& facts) {
  BW_CHECK(facts.previous <= facts.captured_end);
  const uint64_t wal_end = facts.server_wal_end.value;
  const Lsn bound = facts.max_wal_retained_bytes == 0 ? Lsn::Max()
                    : wal_end > facts.max_wal_retained_bytes
                        ? Lsn{wal_end - facts.max_wal_retained_bytes}
                        : Lsn::Invalid();
  const Lsn wanted = std::max({facts.previous, facts.published_end, bound});
  return std::min(wanted, facts.captured_end);
}

}  // namespace bw
