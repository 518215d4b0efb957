#include "spool/spool_batch.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "spool/record_format.h"

namespace bw {
namespace {

constexpr size_t kBlockBytes = 64 * kKiB;

bool IsTruncate(const Change& change) { return change.operation == Operation::kTruncate; }

}  // namespace

std::string_view SpoolBatchBuilder::Keep(std::string_view record) {
  if (record.size() > free_bytes_) {
    free_bytes_ = std::max(record.size(), kBlockBytes);
    free_ = batch_.blocks_.emplace_back(std::make_unique_for_overwrite<char[]>(free_bytes_)).get();
  }
  char* const kept = free_;
  std::ranges::copy(record, kept);
  free_ += record.size();
  free_bytes_ -= record.size();
  return {kept, record.size()};
}

bool SpoolBatchBuilder::Take(std::string_view key, std::string_view value) {
  std::vector<Change>& changes = batch_.changes_;
  if (DecodePositionKey(key).is_end()) {
    const auto end = std::get<TransactionEnd>(DecodeRecord(key, value));
    if (auto tally = TallyOfEnd(value)) {
      batch_.ends_.push_back({changes.size(), end.commit_lsn, std::move(*tally)});
    }
    // An empty snapshot: a batch cut here would hold nothing, and its reader would not move on.
    if (changes.empty()) return true;
    whole_changes_ = changes.size();
    whole_through_ = Progress{Position::EndOf(end.commit_lsn), end.end_lsn};
    full_ = changes.size() >= limits_.changes_max || bytes_ >= limits_.bytes_max ||
            IsTruncate(changes.back());
    return !full_;
  }
  // A change beyond the limits ends the batch, whether it can be cut earlier or must be split; one
  // change is always taken, however large it is.
  full_ =
      !changes.empty() && (changes.size() >= limits_.changes_max ||
                           bytes_ + value.size() > limits_.bytes_max || IsTruncate(changes.back()));
  if (full_) return false;
  const Change change = std::get<Change>(DecodeRecord(key, Keep(value)));
  full_ = !changes.empty() && IsTruncate(change);
  if (full_) return false;
  bytes_ += key.size() + value.size();
  changes.push_back(change);
  return true;
}

SpoolBatch SpoolBatchBuilder::Finish(const Progress& through) {
  std::vector<Change>& changes = batch_.changes_;
  batch_.through_ = through;
  if (full_ || whole_changes_ < changes.size()) {
    if (whole_through_) {
      changes.resize(whole_changes_);
      batch_.through_ = *whole_through_;
    } else {
      // Not even one transaction fits: the batch is a part of it, without a transaction's end.
      batch_.through_ = {changes.back().position, Lsn::Invalid()};
    }
  } else if (whole_through_ && !through.end_lsn.valid()) {
    batch_.through_.end_lsn = whole_through_->end_lsn;
  }
  return std::move(batch_);
}

}  // namespace bw
