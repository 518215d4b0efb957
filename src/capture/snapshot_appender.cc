#include "capture/snapshot_appender.h"

#include "base/byte_size.h"
#include "base/kill_point.h"

namespace bw {
namespace {

constexpr size_t kBatchRowsMax = 512;
constexpr size_t kBatchBytesMax = 128 * kKiB;

}  // namespace

bool RowBatch::full() const { return rows() >= kBatchRowsMax || bytes() >= kBatchBytesMax; }

void RowBatch::Clear() {
  // A giant row's memory must not be kept for the whole snapshot.
  if (bytes_.capacity() > 16 * kBatchBytesMax) bytes_.shrink_to_fit();
  bytes_.clear();
  ends_.clear();
  key_end_.reset();
  has_ = {};
}

void RowBatch::FinishRow(RowForm form, bool refused) {
  ends_.push_back({key_end_, bytes_.size(), form, refused});
  has_[static_cast<size_t>(form)] = true;
  key_end_.reset();
}

void RowBatch::DropRow() {
  bytes_.resize(ends_.empty() ? 0 : ends_.back().value);
  key_end_.reset();
}

RowBatch::Row RowBatch::At(size_t index) const {
  const std::string_view bytes = bytes_;
  const size_t begin = index == 0 ? 0 : ends_[index - 1].value;
  const End& end = ends_[index];
  if (!end.key)
    return {std::nullopt, bytes.substr(begin, end.value - begin), end.form, end.refused};
  return {bytes.substr(begin, *end.key - begin), bytes.substr(*end.key, end.value - *end.key),
          end.form, end.refused};
}

SchemaId SnapshotAppender::AddSchema(const TableSchema& schema) {
  const std::lock_guard lock(mutex_);
  return spool_->log().AddSchema(schema);
}

bool SnapshotAppender::WaitForRoom(const Stop& stop, TimePoint deadline) {
  return spool_->log().WaitForRoom(stop, deadline);
}

void SnapshotAppender::Append(const FormSchemaIds& schema_ids, const RowBatch& batch) {
  const std::lock_guard lock(mutex_);
  Change change;
  change.commit_time_us = snapshot_time_us_;
  for (size_t i = 0; i < batch.rows(); ++i) {
    const RowBatch::Row row = batch.At(i);
    change.position = {commit_lsn_, next_index_++};
    change.schema_id = schema_ids[static_cast<size_t>(row.form)].value();
    change.operation = row.refused ? Operation::kRefused : Operation::kSnapshot;
    change.key = row.key;
    change.value = row.value;
    spool_->log().Append(change);
  }
  BW_KILL_POINT("snapshot.after_append");
  figures_->changes.fetch_add(batch.rows(), std::memory_order_relaxed);
  figures_->snapshot_rows.fetch_add(batch.rows(), std::memory_order_relaxed);
}

}  // namespace bw
