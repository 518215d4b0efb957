#pragma once

#include <rocksdb/write_batch.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/stop.h"
#include "spool/spool_options.h"
#include "spool/spool_state.h"
#include "spool/spool_store.h"

namespace bw {

// Group commit: takes what capture appends and brings it to the disk on a thread of its own, so
// that a slow disk does not keep capture from answering PostgreSQL's keepalives.
//
//   loop:
//     wait until a transaction has ended or a chunk is full, and the disk has room
//     take everything that is pending
//     a transaction ended?  write it and the new `captured` in one batch, fsync
//     else                  write the chunk of the unfinished transaction, without fsync
//     tell `on_durable`
//
// Why this is durable: the one synced batch holds the newest transaction's last changes and the
// `captured` that covers them, and a synced write also syncs every earlier one, the chunks among
// them. So after a crash either `captured` is old, and the chunks above it are deleted, or it is
// new, and everything it covers is there.
//
// Append and End are called by one thread at a time; the rest is thread-safe.
class SpoolWriter {
 public:
  // What became durable with one synced batch.
  struct Durable {
    Progress captured;
    CapturedHistory history;
    uint64_t changes = 0;
  };
  using OnDurable = std::function<void(const Durable&)>;
  // An obstacle in words, or nothing when there is room for `bytes` more.
  using CheckRoom = std::function<std::optional<std::string>(uint64_t bytes)>;

  SpoolWriter(SpoolStore* store, const SpoolOptions& options, CheckRoom check_room,
              OnDurable on_durable);
  ~SpoolWriter();

  // Adds an entry of the transaction that is being received.
  void Append(SpoolStore::Family family, std::string_view key, std::string_view value);
  // Removes a meta entry with what is appended around it.
  void DeleteMeta(std::string_view key);
  // Everything appended so far is complete up to `captured`.
  void End(const Progress& captured, const CapturedHistory& history);
  // Before the store is reopened: fails, and waits until a write that is under way has ended. One
  // that went on meanwhile could write a transaction's end without its chunks, or a `captured` that
  // whoever reads the store back does not know and deletes the changes of.
  void Suspend();
  // Drops what is pending, once a write that is under way has ended. `captured` is what the store
  // holds; also ends the failed state, so call it after the store was reopened and read back.
  void Restart();

  bool HasRoom() const;
  bool WaitForRoom(Duration timeout, const Stop& stop);
  bool WaitUntilDurable(Duration timeout, const Stop& stop);
  std::optional<std::string> obstacle() const;
  bool failed() const;

 private:
  struct Pending {
    rocksdb::WriteBatch batch;
    std::optional<Progress> captured;
    CapturedHistory history;  // With `captured`.
    uint64_t changes = 0;
    uint64_t changes_ended = 0;  // Of `changes`, those before the newest End().
    uint64_t ends = 0;           // Value of ends_ at the newest End() in the batch.
    void Clear();
  };

  void Run();
  // Waits for `done`, `deadline`, or a failure, which is thrown. Requires mutex_.
  bool WaitFor(std::unique_lock<std::mutex>* lock, Duration timeout,
               const std::function<bool()>& done);
  bool WorthWriting() const;  // Requires mutex_.
  bool WaitForDisk();
  void WriteTaken();
  void ThrowIfFailed() const;  // Requires mutex_.

  SpoolStore* const store_;
  const SpoolOptions options_;
  const CheckRoom check_room_;
  const OnDurable on_durable_;

  mutable std::mutex mutex_;  // Protects the members down to the thread.
  std::condition_variable changed_;
  Pending pending_;
  bool writing_ = false;
  bool stopping_ = false;
  uint64_t ends_ = 0;          // End() calls.
  uint64_t ends_durable_ = 0;  // Those that are durable.
  std::optional<std::string> obstacle_;
  std::optional<std::string> failure_;

  Pending taken_;                 // The writer thread's own, while writing_.
  uint64_t changes_unended_ = 0;  // Written in chunks, of the unfinished transaction. Likewise.
  std::unique_ptr<Thread> thread_;
};

}  // namespace bw
