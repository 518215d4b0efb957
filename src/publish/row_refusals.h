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

// Rows that cannot be published: whether one ends the relay, is left out, or comes again. Belongs
// to one publish session.
class RowRefusals {
 public:
  RowRefusals(const PublishOptions& options, Spool* spool, Clock* clock)
      : options_(options), spool_(spool), clock_(clock) {}

  // What it knows about re-reads holds for one transaction.
  void BeginTransaction() { rereads_.reset(); }
  // Returns when the row is to be left out, and has said so. Throws a row Error with
  // --on-error=exit, but for tables that are held, and for those that have lost the key which
  // their compacted topic needs: nobody else's rows are to wait for somebody's DDL. Such a table is
  // noted, to be read again once it has a key.
  void LeaveOut(const Change& change, const TableRoute& route, const std::string& reason);

 private:
  bool ComesAgain(const Change& change);
  void Say(const std::string& text);

  const PublishOptions& options_;
  Spool* const spool_;
  Clock* const clock_;
  // The tables that are read again, and before which commit.
  std::optional<std::map<TableName, Lsn>> rereads_;
  std::optional<TimePoint> said_at_;
};

}  // namespace bw
