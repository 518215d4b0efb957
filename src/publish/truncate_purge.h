#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "publish/leftover_keys.h"
#include "publish/snapshot_purge.h"
#include "spool/change.h"

namespace bw {

// The tombstones of one TRUNCATE (--on-truncate=tombstones): for every key that its tables' topics
// hold. Everything before the TRUNCATE is committed, and nothing after it is produced: so these are
// the keys of the rows that it removed.
//
// All of them have the TRUNCATE's position, op `t`. While they are committed, in as many Kafka
// transactions as they need, the checkpoint stays before it; only the last one moves it there. A
// session that begins in between finds the TRUNCATE first again, and reads the topics again: keys
// that have their tombstone are no longer among those they hold. So each comes once, and nothing
// has to be remembered. Belongs to one publish session, as its tools do.
class TruncatePurge {
 public:
  // `truncate` is kTruncate, and outlives this object no longer than its construction.
  // Of those of its tables that `is_now` names.
  TruncatePurge(const SnapshotPurge::Tools& tools, const Change& truncate,
                const std::function<bool(const TableName&)>& is_now);

  // Call first, not within a transaction: reads the topics.
  void FindKeys();
  // Produces the next tombstones, as many as fit into one transaction, and adds them to `figures`.
  // True when there are no more.
  bool Produce(PublishFigures* figures);
  const Position& position() const { return position_; }
  // "public.orders, public.lines"
  std::string tables() const;
  // How many tombstones were produced.
  uint64_t count() const { return count_; }

 private:
  const SnapshotPurge::Tools tools_;
  const Position position_;
  const int64_t commit_time_us_;
  std::vector<TableName> tables_;
  LeftoverKeys keys_;
  uint64_t count_ = 0;
};

}  // namespace bw
