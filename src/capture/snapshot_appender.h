#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/stop.h"
#include "capture/capture_figures.h"
#include "spool/spool.h"

namespace bw {

// Encoded rows of one table on their way to the spool. Filled by one reader.
class RowBatch {
 public:
  struct Row {
    std::optional<std::string_view> key;
    std::string_view value;
  };

  bool empty() const { return ends_.empty(); }
  size_t rows() const { return ends_.size(); }
  size_t bytes() const { return bytes_.size(); }
  bool full() const;
  void Clear();
  // Where to encode the next row's key and value; then FinishRow, or DropRow.
  std::string* buffer() { return &bytes_; }
  void FinishKey() { key_end_ = bytes_.size(); }
  void FinishRow();
  void DropRow();
  Row At(size_t index) const;

 private:
  struct End {
    std::optional<size_t> key;
    size_t value;
  };
  std::string bytes_;
  std::vector<End> ends_;
  std::optional<size_t> key_end_;
};

// Gives the snapshot's rows their positions and appends them: the one object that its readers
// share. All rows have the commit LSN `consistent point - 1`, because a transaction may commit
// exactly at the consistent point, and consecutive indexes.
//
// Thread-safe: the readers' batches are appended one after the other.
class SnapshotAppender {
 public:
  SnapshotAppender(Lsn consistent_point, int64_t snapshot_time_us, Spool* spool,
                   CaptureFigures* figures)
      : commit_lsn_{consistent_point.value - 1},
        snapshot_time_us_(snapshot_time_us),
        spool_(spool),
        figures_(figures) {}

  SchemaId AddSchema(const TableSchema& schema);
  // Waits until the spool has room; false when a stop was requested (noticed within a second) or
  // the deadline has passed before that.
  bool WaitForRoom(const Stop& stop, TimePoint deadline = TimePoint::max());
  // Does not wait for room.
  void Append(SchemaId schema_id, const RowBatch& batch);

 private:
  const Lsn commit_lsn_;
  const int64_t snapshot_time_us_;
  Spool* const spool_;
  CaptureFigures* const figures_;
  std::mutex mutex_;  // Protects next_index_ and the capture part of *spool_.
  uint64_t next_index_ = 0;
};

}  // namespace bw
