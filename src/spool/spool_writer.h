#pragma once

#include <rocksdb/write_batch.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/latency_histogram.h"
#include "base/stop.h"
#include "spool/disk_room.h"
#include "spool/ledger.h"
#include "spool/spool_options.h"
#include "spool/spool_state.h"
#include "spool/spool_store.h"

namespace bw {

// Group commit: writes what capture appends to the disk on a thread of its own, so that a slow disk
// does not keep capture from answering PostgreSQL's keepalives.
//
//   loop:
//     wait until a transaction has ended or a chunk is full, and the disk has room
//     take everything that is pending
//     a transaction ended?  write it and the new `captured` in one batch, fsync
//     else                  write the chunk of the unfinished transaction, without fsync
//     tell the ledger, and wake whoever waits
//
// Why this is durable: the synced batch holds both the newest transaction's last changes and the
// `captured` that covers them, and a synced write also syncs every earlier one, including the
// chunks. So after a crash either `captured` is old, and the chunks above it are deleted, or it is
// new, and everything that it covers is there.
//
// Append, Add and End are called by one thread at a time; the rest is thread-safe.
class SpoolWriter {
 public:
  SpoolWriter(SpoolStore* store, Ledger* ledger, DiskRoom* room, const SpoolOptions& options);
  ~SpoolWriter();

  // Append, Add, End and the two waits throw a transient Error when failed().

  // Adds a record of the transaction that is being received.
  void Append(std::string_view key, std::string_view record);
  using PutInto = std::function<void(rocksdb::WriteBatch*)>;
  // Calls `put` with the batch, to add what belongs to the changes around it, while holding the
  // writer's mutex. Returns the batch's number: see batches_written().
  uint64_t Add(const PutInto& put);
  // Everything appended so far is complete up to `captured`, which makes `changes` changes in all.
  // What `put` adds (it may be empty) is in the very batch that has `captured`, or a later one.
  uint64_t End(const Progress& captured, const CapturedHistory& history, uint64_t changes,
               const PutInto& put = {});
  // To be called before what is durable is read back: puts the writer into the failed state, and
  // waits for a write that is under way. A writer that went on could write, to a store that has
  // just been reopened, a transaction's end without its chunks; or a `captured` unknown to the code
  // that reads the store back and then deletes the changes that it covers.
  void Suspend();
  // Drops what is pending, after a write that is under way has ended. Also ends the failed state,
  // so after a failure or Suspend() call it only when everything has been read back.
  void Restart();

  // As in ChangeLog.
  bool HasRoom() const;
  bool WaitForRoom(const Stop& stop, TimePoint deadline);
  bool WaitUntilDurable(const Stop& stop, TimePoint deadline);
  std::optional<std::string> obstacle() const;
  // A write has failed, or Suspend() was called, and there was no Restart() since.
  bool failed() const;
  // The `changes` of the newest durable End().
  uint64_t changes_durable() const { return changes_durable_.load(); }
  // Batches up to this number are in the store, where they can be read.
  uint64_t batches_written() const { return batches_written_.load(); }
  // From a transaction's commit in PostgreSQL until it is durable here. Thread-safe.
  const LatencyHistogram& commit_to_spool() const { return commit_to_spool_; }

 private:
  struct Pending {
    rocksdb::WriteBatch batch;
    uint64_t number = 1;  // Of the batch; they rise, also across Restart().
    std::optional<Progress> captured;
    // With `captured`, of the newest End() in the batch; `ends` is the value of ends_ there.
    CapturedHistory history;
    uint64_t changes = 0;
    uint64_t ends = 0;
    std::vector<int64_t> commit_times_us;  // Of the transactions that end in the batch.
    void Clear() {
      commit_times_us.clear();
      batch.Clear();
      captured.reset();
    }
  };

  void Run();
  // Waits for `done`, a stop, `deadline`, or a failure, which is thrown. True when done. Requires
  // mutex_.
  bool WaitFor(std::unique_lock<std::mutex>* lock, const Stop& stop, TimePoint deadline,
               const std::function<bool()>& done);
  bool WorthWriting() const;  // Requires mutex_.
  void WakeIfWorthWriting();  // Requires mutex_.
  bool WaitForDisk();
  void WriteTaken();
  void ThrowIfFailed() const;  // Requires mutex_.

  SpoolStore* const store_;
  Ledger* const ledger_;
  DiskRoom* const room_;
  const SpoolOptions options_;
  std::atomic<uint64_t> changes_durable_{0};
  std::atomic<uint64_t> batches_written_{0};
  LatencyHistogram commit_to_spool_;

  mutable std::mutex mutex_;  // Protects the members down to the thread.
  std::condition_variable changed_;
  Pending pending_;
  bool writing_ = false;
  bool stopping_ = false;
  TransactionEnd newest_end_;  // The newest End()'s.
  uint64_t ends_ = 0;          // End() calls.
  uint64_t ends_durable_ = 0;  // Those that are durable.
  std::optional<std::string> obstacle_;
  std::optional<std::string> failure_;

  Pending taken_;  // The writer thread's own, while writing_.
  std::unique_ptr<Thread> thread_;
};

}  // namespace bw
