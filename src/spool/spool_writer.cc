#include "spool/spool_writer.h"

#include <spdlog/spdlog.h>

#include "base/error.h"
#include "base/kill_point.h"
#include "spool/meta_format.h"

namespace bw {
namespace {

// An unfinished transaction is written in pieces of this size.
constexpr size_t kChunkBytes = kMiB;
// How often a full disk is looked at again.
constexpr Duration kRoomCheckInterval{200};

}  // namespace

void SpoolWriter::Pending::Clear() {
  batch.Clear();
  captured.reset();
  changes = changes_ended = ends = 0;
}

SpoolWriter::SpoolWriter(SpoolStore* store, const SpoolOptions& options, CheckRoom check_room,
                         OnDurable on_durable)
    : store_(store),
      options_(options),
      check_room_(std::move(check_room)),
      on_durable_(std::move(on_durable)),
      thread_(options.clock->Start([this] { Run(); })) {}

SpoolWriter::~SpoolWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.reset();
}

void SpoolWriter::ThrowIfFailed() const {
  if (failure_) throw TransientError(*failure_);
}

void SpoolWriter::Append(SpoolStore::Family family, std::string_view key, std::string_view value) {
  const std::lock_guard lock(mutex_);
  ThrowIfFailed();
  store_->Put(&pending_.batch, family, key, value);
  if (family == SpoolStore::Family::kChanges) ++pending_.changes;
  if (pending_.batch.GetDataSize() >= kChunkBytes) changed_.notify_all();
}

void SpoolWriter::DeleteMeta(std::string_view key) {
  const std::lock_guard lock(mutex_);
  ThrowIfFailed();
  store_->Delete(&pending_.batch, SpoolStore::Family::kMeta, key);
}

void SpoolWriter::End(const Progress& captured, const CapturedHistory& history) {
  {
    const std::lock_guard lock(mutex_);
    ThrowIfFailed();
    pending_.captured = captured;
    pending_.history = history;
    pending_.changes_ended = pending_.changes;
    pending_.ends = ++ends_;
  }
  changed_.notify_all();
}

void SpoolWriter::Suspend() {
  std::unique_lock lock(mutex_);
  if (!failure_) failure_ = "the spool is being opened again";
  options_.clock->WaitUntil(&lock, &changed_, TimePoint::max(), [this] { return !writing_; });
}

void SpoolWriter::Restart() {
  std::unique_lock lock(mutex_);
  options_.clock->WaitUntil(&lock, &changed_, TimePoint::max(), [this] { return !writing_; });
  pending_.Clear();
  changes_unended_ = 0;
  ends_durable_ = ends_;
  failure_.reset();
}

bool SpoolWriter::HasRoom() const {
  const std::lock_guard lock(mutex_);
  return pending_.batch.GetDataSize() < options_.pending_bytes_max;
}

bool SpoolWriter::WaitFor(std::unique_lock<std::mutex>* lock, Duration timeout,
                          const std::function<bool()>& done) {
  const bool result = options_.clock->WaitUntil(lock, &changed_, options_.clock->Now() + timeout,
                                                [&] { return failure_ || done(); });
  ThrowIfFailed();
  return result;
}

bool SpoolWriter::WaitForRoom(Duration timeout, const Stop& stop) {
  std::unique_lock lock(mutex_);
  const auto has_room = [this] {
    return pending_.batch.GetDataSize() < options_.pending_bytes_max;
  };
  return WaitFor(&lock, timeout, [&] { return has_room() || stop.requested(); }) && has_room();
}

bool SpoolWriter::WaitUntilDurable(Duration timeout, const Stop& stop) {
  std::unique_lock lock(mutex_);
  const auto durable = [this, wanted = ends_] { return ends_durable_ >= wanted; };
  return WaitFor(&lock, timeout, [&] { return durable() || stop.requested(); }) && durable();
}

std::optional<std::string> SpoolWriter::obstacle() const {
  const std::lock_guard lock(mutex_);
  return obstacle_;
}

bool SpoolWriter::failed() const {
  const std::lock_guard lock(mutex_);
  return failure_.has_value();
}

bool SpoolWriter::WorthWriting() const {
  return !failure_ && (pending_.captured || pending_.batch.GetDataSize() >= kChunkBytes);
}

void SpoolWriter::Run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      options_.clock->WaitUntil(&lock, &changed_, TimePoint::max(),
                                [this] { return stopping_ || WorthWriting(); });
      if (stopping_) return;
    }
    if (!WaitForDisk()) return;
    {
      const std::lock_guard lock(mutex_);
      if (!WorthWriting()) continue;  // Restart() came between.
      std::swap(pending_, taken_);
      writing_ = true;
    }
    changed_.notify_all();  // There is room again.
    WriteTaken();
  }
}

// Pausing before the disk is really full keeps RocksDB out of its error state, and leaves the
// publisher the room it needs to trim. False when the writer is to stop.
bool SpoolWriter::WaitForDisk() {
  while (true) {
    std::unique_lock lock(mutex_);
    const uint64_t bytes = pending_.batch.GetDataSize();
    lock.unlock();
    std::optional<std::string> obstacle = check_room_(bytes);
    lock.lock();
    if (obstacle && !obstacle_) {
      spdlog::error(
          "Capture pauses: {}. PostgreSQL keeps the WAL meanwhile; capture goes on by "
          "itself when there is room",
          *obstacle);
    } else if (!obstacle && obstacle_) {
      spdlog::info("There is room in the spool again, capture goes on");
    }
    obstacle_ = std::move(obstacle);
    if (stopping_) return false;
    if (!obstacle_) return true;
    options_.clock->WaitUntil(&lock, &changed_, options_.clock->Now() + kRoomCheckInterval,
                              [this] { return stopping_; });
    if (stopping_) return false;
  }
}

void SpoolWriter::WriteTaken() {
  std::optional<std::string> failure;
  try {
    BW_KILL_POINT("spool.before_write");
    if (taken_.captured) {
      store_->Put(&taken_.batch, SpoolStore::Family::kMeta, kMetaCaptured,
                  WrapMeta(kMetaCaptured, EncodeProgress(*taken_.captured)));
      store_->Put(&taken_.batch, SpoolStore::Family::kMeta, kMetaHistory,
                  WrapMeta(kMetaHistory, EncodeHistory(taken_.history)));
    }
    store_->Write(&taken_.batch, /*sync=*/taken_.captured.has_value());
    BW_KILL_POINT(taken_.captured ? "spool.after_sync" : "spool.after_chunk");
  } catch (const Error& error) {
    failure = error.what();
  }
  if (!failure && taken_.captured) {
    on_durable_({*taken_.captured, taken_.history, changes_unended_ + taken_.changes_ended});
    changes_unended_ = taken_.changes - taken_.changes_ended;
  } else {
    changes_unended_ += taken_.changes;
  }
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (failure) {
      // Not tried again: after a failed fsync the kernel may have dropped the pages, so that a
      // second one would succeed without them.
      spdlog::error(
          "{}. Nothing more is confirmed to PostgreSQL; the spool will be closed, opened "
          "and read back",
          *failure);
      failure_ = failure;
    } else if (taken_.captured) {
      ends_durable_ = taken_.ends;
    }
    taken_.Clear();
  }
  changed_.notify_all();
}

}  // namespace bw
