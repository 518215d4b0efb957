#pragma once

#include <cstdint>
#include <vector>

#include "base/latency_histogram.h"
#include "spool/spool_batch.h"

namespace bw {

// When the PostgreSQL transactions of one Kafka transaction were committed, for the latency that is
// observed once the latter is. Belongs to the publish thread.
class CommitTimes {
 public:
  void Clear() { times_us_.clear(); }
  // Each transaction once; a snapshot's rows have no commit of their own.
  void Note(const SpoolBatch& batch) {
    Lsn newest;
    for (const Change& change : batch.changes()) {
      const Lsn commit_lsn = change.position.commit_lsn;
      if (change.operation == Operation::kSnapshot || commit_lsn == newest) continue;
      newest = commit_lsn;
      times_us_.push_back(change.commit_time_us);
    }
  }
  void Observe(int64_t now_us, LatencyHistogram* histogram) const {
    for (const int64_t time_us : times_us_) histogram->Observe(now_us - time_us);
  }

 private:
  std::vector<int64_t> times_us_;
};

}  // namespace bw
