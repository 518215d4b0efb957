#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/clock.h"
#include "capture/snapshot_tables.h"

namespace bw {

// Logs the progress of the snapshot: a line per finished table, every ten seconds a line per table
// that is being read, and on a terminal a progress bar.
//
// The readers count rows (thread-safe); one thread calls Tell and Finish.
class SnapshotProgress {
 public:
  explicit SnapshotProgress(const std::vector<SnapshotTable>& tables);

  void Begin(size_t table, TimePoint now);
  void AddRows(size_t table, uint64_t rows);
  void End(size_t table, TimePoint now);

  void Tell(TimePoint now);
  // Logs the remaining finished tables, and clears the bar.
  void Finish();
  uint64_t rows() const;

 private:
  struct TableProgress {
    std::string name;
    int64_t rows_estimate = -1;
    std::atomic<uint64_t> rows{0};
    // Steady time in milliseconds; 0 for not yet.
    std::atomic<int64_t> began_ms{0};
    std::atomic<int64_t> ended_ms{0};
    bool end_told = false;  // Used only by the thread that calls Tell.
  };

  void TellEnded();
  void TellRunning(int64_t now_ms);
  void DrawBar();
  void ClearBar();

  std::deque<TableProgress> tables_;
  const bool terminal_;
  bool bar_drawn_ = false;
  int64_t told_ms_ = 0;
};

}  // namespace bw
