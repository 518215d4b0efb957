#pragma once

#include <string>
#include <utility>

#include "base/clock.h"
#include "capture/capture_options.h"
#include "capture/pg_connection.h"
#include "capture/side_connection.h"

// Whom we wait for, with what ends it. Names sessions and prepared transactions, never their
// queries. A role without pg_read_all_stats sees less of others' sessions, but their pids.

namespace bw {

// Who has locked the table so that nobody can read it, or waits to do so; empty when nobody has.
std::string DescribeLockHolders(PgConnection* connection, uint32_t table_oid);

// Who has locked the publication or the table so that the table cannot be added or dropped.
std::string DescribeMemberLockHolders(PgConnection* connection, const std::string& publication,
                                      uint32_t table_oid);

// The transactions that the server process `pid` waits for now; empty when it waits for none.
std::string DescribeTransactionWaits(PgConnection* connection, int pid);

// Says in the log why the creation of a slot takes long: asked every few seconds on a connection of
// its own, it tells each new reason once, and then every minute. That it cannot tell is no failure.
class SlotWaitTeller {
 public:
  // `pid`: of the server process that creates the slot.
  SlotWaitTeller(const CaptureOptions& options, std::string slot, const Stop& stop, int pid)
      : slot_(std::move(slot)), pid_(pid), connection_(options, stop) {}

  void Look();

 private:
  const std::string slot_;
  const int pid_;
  SideConnection connection_;
  std::string told_;
  TimePoint told_at_;
};

}  // namespace bw
