#include "spool/disk_room.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/error.h"
#include "spool/ledger.h"
#include "spool/record_format.h"
#include "spool/spool_directory.h"
#include "spool/spool_store.h"
#include "spool/toast_cache.h"

namespace bw {
namespace {

// How often the files are counted; only --spool-max-bytes and the status line need it.
constexpr std::chrono::seconds kCountInterval{1};
// What RocksDB needs on the disk to open: a manifest, and what it writes of its log.
constexpr uint64_t kOpenFreeBytes = 16 * kMiB;

uint64_t FreeBytesOf(const SpoolOptions& options) {
  return options.free_bytes ? options.free_bytes() : FreeBytes(options.directory);
}

}  // namespace

bool DiskRoom::IsEnoughToOpen(const SpoolOptions& options) {
  return FreeBytesOf(options) >= kOpenFreeBytes;
}

DiskRoom::DiskRoom(const SpoolOptions& options, SpoolStore* store, const Ledger* ledger)
    : options_(options), store_(store), ledger_(ledger) {}

void DiskRoom::RequireEnoughToOpen() const {
  if (IsEnoughToOpen(options_)) return;
  throw TransientError("the disk of the spool \"" + options_.directory +
                       "\" is too full to open it again");
}

bool DiskRoom::HasFree(uint64_t bytes) const {
  return FreeBytesOf(options_) >= options_.min_free_bytes + bytes;
}

std::optional<std::string> DiskRoom::Obstacle(uint64_t bytes) {
  std::optional<std::string> obstacle = Find(bytes);
  while (obstacle && toast_ != nullptr && toast_->GiveRoom()) {
    {
      const std::lock_guard lock(mutex_);
      counted_at_.reset();
    }
    obstacle = Find(bytes);
  }
  return obstacle;
}

std::optional<std::string> DiskRoom::Find(uint64_t bytes) {
  const uint64_t free = FreeBytesOf(options_);
  if (free < options_.min_free_bytes + bytes) {
    return fmt::format("the disk of the spool \"{}\" is full ({} MiB free, {} MiB are kept free)",
                       options_.directory, free / kMiB, options_.min_free_bytes / kMiB);
  }
  if (IsBeyondMaxBytes(bytes)) Reclaim();
  // When everything is published, trimming will not free any more. So whatever exceeds the limit by
  // itself is let through: a single large transaction, or a snapshot, which is not published before
  // it is complete. What a held table has left is not published, and so the limit bounds it.
  if (IsBeyondMaxBytes(bytes) && !ledger_->IsAllPublished()) {
    return fmt::format("the spool has reached --spool-max-bytes ({} MiB)",
                       options_.max_bytes / kMiB);
  }
  return std::nullopt;
}

uint64_t DiskRoom::RoomBytes() {
  const uint64_t free = FreeBytesOf(options_);
  const uint64_t of_disk = free - std::min(free, options_.min_free_bytes);
  if (options_.max_bytes == 0) return of_disk;
  return std::min(of_disk, options_.max_bytes - std::min(options_.max_bytes, BytesOnDisk()));
}

bool DiskRoom::IsBeyondMaxBytes(uint64_t more) {
  return options_.max_bytes != 0 && BytesOnDisk() + more > options_.max_bytes;
}

// Trimmed changes may still be in memory and in RocksDB's log, which trimming does not free.
void DiskRoom::Reclaim() {
  const Position trimmed = ledger_->trimmed();
  if (trimmed == reclaimed_) return;
  try {
    store_->Reclaim(EncodePositionKey(trimmed));
  } catch (const Error& error) {
    spdlog::debug("the spool's space could not be reclaimed now: {}", error.what());
    return;
  }
  reclaimed_ = trimmed;
  const std::lock_guard lock(mutex_);
  counted_at_.reset();
}

uint64_t DiskRoom::BytesOnDisk() {
  const std::lock_guard lock(mutex_);
  const TimePoint now = options_.clock->Now();
  if (!counted_at_ || now - *counted_at_ >= kCountInterval) {
    bytes_on_disk_ = DirectoryBytes(store_->path(), options_.env);
    counted_at_ = now;
  }
  return bytes_on_disk_;
}

}  // namespace bw
