#pragma once

#include <string>
#include <utility>

#include "base/clock.h"
#include "capture/capture_options.h"
#include "capture/pg_connection.h"

// Whom we wait for, and the statement that ends the wait. Names sessions and prepared transactions,
// never their queries. Without pg_read_all_stats, a role sees little more than the pids of others'
// sessions.

namespace bw {

// Who has locked the table exclusively, or waits to do so; empty when nobody has.
std::string DescribeLockHolders(PgConnection* connection, uint32_t table_oid);

// Who has a lock on the publication or the table that prevents adding or dropping the table.
std::string DescribeMemberLockHolders(PgConnection* connection, const std::string& publication,
                                      uint32_t table_oid);

// Logs why the creation of a slot takes long. Called every few seconds, it looks through a
// connection of its own and logs each new reason once, and then every minute. Not being able to
// look is not an error.
class SlotWaitTeller {
 public:
  // `pid` is the server process that creates the slot.
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
