#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/byte_size.h"
#include "spool/change.h"
#include "spool/record_format.h"
#include "spool/spool_state.h"

namespace bw {

struct ReadLimits {
  size_t changes_max = 10'000;
  size_t bytes_max = 16 * kMiB;
  // Nothing at or above this commit LSN is read; through() is then below it, with an end LSN if a
  // transaction was read.
  Lsn before = Lsn::Max();
};

// Consecutive changes as read back from the spool, in replay order. A TRUNCATE is alone in its
// batch: what comes before it must be committed before its tombstones are made.
class SpoolBatch {
 public:
  // Valid as long as the batch lives, also after it is moved.
  std::span<const Change> changes() const { return changes_; }
  // A transaction that ends in the batch, and says what it consists of (--transaction-metadata).
  struct End {
    size_t changes_before = 0;  // In the batch.
    Lsn commit_lsn;
    TransactionTally tally;
  };
  // In replay order. There may be one without changes, of a transaction that was split before it.
  std::span<const End> ends() const { return ends_; }
  // Everything up to here is in the batch or was in an earlier one.
  const Progress& through() const { return through_; }
  // The last change's transaction continues in the next batch.
  bool splits_transaction() const { return !changes_.empty() && !through_.position.is_end(); }

 private:
  friend class SpoolBatchBuilder;
  // Encoded records, which changes_ points into; in blocks, because a growing buffer would move
  // them.
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::vector<Change> changes_;
  std::vector<End> ends_;
  Progress through_;
};

// Makes a batch from the records of a scan, and cuts it at a transaction's end. Each record is
// checked and decoded once, in its final place.
class SpoolBatchBuilder {
 public:
  explicit SpoolBatchBuilder(const ReadLimits& limits) : limits_(limits) {}

  // The next record. False when the batch is full. Throws Halt kSpoolUnusable as DecodeRecord.
  bool Take(std::string_view key, std::string_view value);
  // `through` is how far the scan was meant to go: the batch's through(), unless it is cut before.
  SpoolBatch Finish(const Progress& through);

 private:
  std::string_view Keep(std::string_view record);

  const ReadLimits limits_;
  SpoolBatch batch_;
  size_t bytes_ = 0;      // Of keys and records.
  char* free_ = nullptr;  // In the newest block.
  size_t free_bytes_ = 0;
  // Where the newest complete transaction of the batch ends.
  size_t whole_changes_ = 0;
  std::optional<Progress> whole_through_;
  bool full_ = false;
};

}  // namespace bw
