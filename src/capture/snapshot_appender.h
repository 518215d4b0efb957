#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "avro/row_form.h"
#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/toast_plan.h"
#include "capture/toast_proof.h"
#include "spool/spool.h"

namespace bw {

// The spool's ids of a table's schemas, by RowForm; those of forms that it has rows of.
using FormSchemaIds = std::array<std::optional<SchemaId>, kRowForms>;

// Encoded rows of one table on their way to the spool. Filled by one reader.
class RowBatch {
 public:
  struct Row {
    std::optional<std::string_view> key;
    std::string_view value;
    RowForm form = RowForm::kNative;
    bool refused = false;  // `value` is a RefusedRow.
  };

  bool empty() const { return ends_.empty(); }
  size_t rows() const { return ends_.size(); }
  size_t bytes() const { return bytes_.size() + large_bytes_; }
  bool full() const;
  void Clear();
  // A value that may be out of line, of a row.
  struct Large {
    size_t row = 0;
    std::string key;  // As ToastPlan::KeyOf.
    const ToastPlan::Column* column = nullptr;
    std::string text;
  };
  // Adds those of the next row, which DropRow removes again. The plan outlives the rows.
  void AddLargeValues(const ToastPlan& plan, std::span<const TextValue> values);
  // In the rows' order.
  const std::vector<Large>& large() const { return large_; }
  // Where to encode the next row's key and value; then FinishRow, or DropRow.
  std::string* buffer() { return &bytes_; }
  void FinishKey() { key_end_ = bytes_.size(); }
  void FinishRow(RowForm form = RowForm::kNative, bool refused = false);
  void DropRow();
  Row At(size_t index) const;
  // Whether there is a row of this form.
  bool Has(RowForm form) const { return has_[static_cast<size_t>(form)]; }

 private:
  struct End {
    std::optional<size_t> key;
    size_t value;
    RowForm form;
    bool refused;
  };
  std::string bytes_;
  std::vector<End> ends_;
  std::vector<Large> large_;
  size_t large_bytes_ = 0;
  std::optional<size_t> key_end_;
  std::array<bool, kRowForms> has_{};  // By RowForm.
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
  // These tables are read anew: forgets their large values. Before the first row.
  void Begin(const std::vector<TableFingerprint>& tables,
             const std::vector<std::string>& publications);
  // A table's OID and plan, by which its large values are kept.
  struct LargeValuesOf {
    uint32_t relation = 0;
    const ToastPlan* plan = nullptr;
  };
  // Does not wait for room. The batch has only rows of forms that have an id.
  void Append(const LargeValuesOf& table, const FormSchemaIds& schema_ids, const RowBatch& batch);

 private:
  const Lsn commit_lsn_;
  const int64_t snapshot_time_us_;
  Spool* const spool_;
  CaptureFigures* const figures_;
  std::mutex mutex_;  // Protects next_index_ and the capture part of *spool_.
  uint64_t next_index_ = 0;
};

}  // namespace bw
