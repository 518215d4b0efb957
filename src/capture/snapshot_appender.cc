#include "capture/snapshot_appender.h"

#include "base/byte_size.h"
#include "base/kill_point.h"
#include "spool/toast_cache.h"

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
  large_.clear();
  large_bytes_ = 0;
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
  while (!large_.empty() && large_.back().row == ends_.size()) {
    large_bytes_ -= large_.back().key.size() + large_.back().text.size();
    large_.pop_back();
  }
}

void RowBatch::AddLargeValues(const ToastPlan& plan, std::span<const TextValue> values) {
  if (!plan.keeps() || !plan.IsWide(values, /*has_external=*/false)) return;
  std::string key;
  if (!plan.KeyOf(values, {}, &key)) return;
  for (const ToastPlan::Column& column : plan.columns()) {
    const TextValue& value = values[column.index];
    if (value.kind != TextValue::Kind::kText || !plan.MayBeExternal(column, value)) continue;
    large_.push_back({ends_.size(), key, &column, std::string(value.text)});
    large_bytes_ += key.size() + value.text.size();
  }
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

// The fingerprints are of the snapshot, and so of the rows.
void SnapshotAppender::Begin(const std::vector<TableFingerprint>& tables,
                             const std::vector<std::string>& publications) {
  const std::lock_guard lock(mutex_);
  ToastCache& toast = spool_->log().toast();
  if (!toast.enabled()) return;
  toast.RequireSource(publications);
  for (const TableFingerprint& table : tables) {
    toast.EraseRelation(table.relation);
    toast.NoteProof(table.relation,
                    MergeProof(toast.FindProof(table.relation), table, commit_lsn_));
  }
}

void SnapshotAppender::Append(const LargeValuesOf& table, const FormSchemaIds& schema_ids,
                              const RowBatch& batch) {
  const std::lock_guard lock(mutex_);
  ToastCache& toast = spool_->log().toast();
  auto large = batch.large().begin();
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
    for (; large != batch.large().end() && large->row == i; ++large) {
      toast.Put({table.relation, table.plan->key_form(), large->key}, large->column->name,
                {change.position, large->text});
    }
  }
  BW_KILL_POINT("snapshot.after_append");
  figures_->changes.fetch_add(batch.rows(), std::memory_order_relaxed);
  figures_->snapshot_rows.fetch_add(batch.rows(), std::memory_order_relaxed);
}

}  // namespace bw
