#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/lsn.h"
#include "spool/spool_options.h"

namespace bw {

class Ledger;
class SpoolStore;
class ToastCache;

// Whether the spool's disk has room for the next write, within SpoolOptions::min_free_bytes and
// max_bytes.
//
// Capture pauses before the disk is really full. That keeps RocksDB out of its error state and
// leaves room for trimming.
//
// Thread-safe, except where it says otherwise.
class DiskRoom {
 public:
  // Whether there is enough room to open the store. On a full disk, opening RocksDB aborts the
  // process instead of failing (7.8 with assertions, as Debian builds it), so wait for room first.
  static bool IsEnoughToOpen(const SpoolOptions& options);

  DiskRoom(const SpoolOptions& options, SpoolStore* store, const Ledger* ledger);
  DiskRoom(const DiskRoom&) = delete;
  DiskRoom& operator=(const DiskRoom&) = delete;

  // Whose space is given up before capture has to pause. Before the first Obstacle().
  void GiveWay(ToastCache* toast) { toast_ = toast; }
  // Throws a transient Error unless IsEnoughToOpen.
  void RequireEnoughToOpen() const;
  // Whether `bytes` can be written and leave min_free_bytes free.
  bool HasFree(uint64_t bytes) const;
  // Why `bytes` more cannot be written now, as text; nothing when there is room. At max_bytes it
  // first frees what has been trimmed, and where that is not enough the oldest large values, until
  // there is room or none is left. Only the writer's thread calls this.
  std::optional<std::string> Obstacle(uint64_t bytes);
  // How much can be written until Obstacle() finds one.
  uint64_t RoomBytes();
  // Bytes of the store's files, counted at most a second ago.
  uint64_t BytesOnDisk();

 private:
  std::optional<std::string> Find(uint64_t bytes);
  bool IsBeyondMaxBytes(uint64_t more);
  void Reclaim();

  const SpoolOptions options_;
  SpoolStore* const store_;
  const Ledger* const ledger_;
  ToastCache* toast_ = nullptr;

  // The writer thread's own: Reclaim() has freed everything up to here.
  Position reclaimed_;

  std::mutex mutex_;  // Protects what follows.
  uint64_t bytes_on_disk_ = 0;
  std::optional<TimePoint> counted_at_;  // Nothing when the files must be counted again.
};

}  // namespace bw
