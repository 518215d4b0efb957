#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "publish/publish_options.h"
#include "publish/table_routes.h"
#include "spool/change.h"
#include "spool/spool.h"

namespace bw {

// Decides whether a row that cannot be published ends the relay, becomes a dead letter, holds
// its table, or is left out, to be read again later or not. Belongs to one publish session.
class RowRefusals {
 public:
  enum class Fate { kLeftOut, kDeadLetter, kHeld };

  RowRefusals(const PublishOptions& options, Spool* spool, Clock* clock)
      : options_(options), spool_(spool), clock_(clock) {}

  // Forgets what is known about re-reads, which is asked for once per transaction.
  void BeginTransaction() { rereads_.reset(); }
  // Logs what becomes of the row, unless it holds its table, and returns that; with --on-error=exit
  // throws a row Error instead. The rows of a table that --on-collision=hold holds, and those of a
  // table without the key that its compacted topic needs, are left out whatever --on-error says:
  // one table's DDL must not stop all others. The latter is noted, to be read again once it has a
  // key. With --on-error=hold, a row whose table is read again later is left out, too.
  Fate Judge(const Change& change, const TableRoute& route, const std::string& reason);

 private:
  // The commit LSN of the newest re-read of the change's table in the spool; Lsn::Max when one is
  // noted, and is still to come. Invalid, the lowest, without one.
  Lsn ReadAgainThrough(const Change& change);
  void Say(const TableRoute& route, const std::string& text);

  const PublishOptions& options_;
  Spool* const spool_;
  Clock* const clock_;
  // The tables that are read again, each with the commit LSN up to which that covers its changes.
  std::optional<std::map<TableName, Lsn>> rereads_;
  std::map<std::string, TimePoint> said_at_;  // By table.
};

}  // namespace bw
