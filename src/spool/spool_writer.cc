#include "spool/spool_writer.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/error.h"
#include "base/kill_point.h"
#include "base/thread_name.h"

namespace bw {
namespace {

// How often a wait checks for a stop.
constexpr Duration kStopLookInterval{1'000};
// How often a full disk is checked again.
constexpr Duration kRoomCheckInterval{200};

}  // namespace

SpoolWriter::SpoolWriter(SpoolStore* store, Ledger* ledger, DiskRoom* room,
                         const SpoolOptions& options)
    : store_(store),
      ledger_(ledger),
      room_(room),
      options_(options),
      newest_end_(ledger->state().history.last),
      thread_(options.clock->Start([this] { Run(); })) {}

SpoolWriter::~SpoolWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  options_.clock->NotifyAll(&changed_);
  thread_.reset();
}

void SpoolWriter::ThrowIfFailed() const {
  if (failure_) throw TransientError(*failure_);
}

// To be called by whatever has made the batch larger. A chunk that nobody tells the thread of is
// not written, and whoever then waits for room waits for ever.
void SpoolWriter::WakeIfWorthWriting() {
  if (WorthWriting()) options_.clock->NotifyAll(&changed_);
}

void SpoolWriter::Append(std::string_view key, std::string_view record) {
  const std::lock_guard lock(mutex_);
  ThrowIfFailed();
  store_->Put(&pending_.batch, SpoolStore::Family::kChanges, key, record);
  WakeIfWorthWriting();
}

uint64_t SpoolWriter::Add(const PutInto& put) {
  const std::lock_guard lock(mutex_);
  ThrowIfFailed();
  put(&pending_.batch);
  WakeIfWorthWriting();
  return pending_.number;
}

uint64_t SpoolWriter::End(const Progress& captured, const CapturedHistory& history,
                          uint64_t changes, const PutInto& put) {
  uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    ThrowIfFailed();
    if (put) put(&pending_.batch);
    number = pending_.number;
    pending_.captured = captured;
    pending_.history = history;
    pending_.changes = changes;
    pending_.ends = ++ends_;
    if (history.last != newest_end_ && history.last.xid != 0) {
      pending_.commit_times_us.push_back(history.last.commit_time_us);
    }
    newest_end_ = history.last;
  }
  options_.clock->NotifyAll(&changed_);
  return number;
}

void SpoolWriter::Suspend() {
  std::unique_lock lock(mutex_);
  if (!failure_) failure_ = "the spool is being read back";
  options_.clock->WaitUntil(&lock, &changed_, TimePoint::max(), [this] { return !writing_; });
}

void SpoolWriter::Restart() {
  std::unique_lock lock(mutex_);
  options_.clock->WaitUntil(&lock, &changed_, TimePoint::max(), [this] { return !writing_; });
  pending_.Clear();
  ++pending_.number;
  ends_durable_ = ends_;
  failure_.reset();
}

bool SpoolWriter::HasRoom() const {
  const std::lock_guard lock(mutex_);
  return pending_.batch.GetDataSize() < options_.pending_bytes_max;
}

// A stop does not wake this wait, so it is checked for every kStopLookInterval.
bool SpoolWriter::WaitFor(std::unique_lock<std::mutex>* lock, const Stop& stop, TimePoint deadline,
                          const std::function<bool()>& done) {
  while (!failure_ && !done() && !stop.requested() && options_.clock->Now() < deadline) {
    const TimePoint look = std::min(deadline, options_.clock->Now() + kStopLookInterval);
    options_.clock->WaitUntil(lock, &changed_, look,
                              [&] { return failure_ || done() || stop.requested(); });
  }
  ThrowIfFailed();
  return done();
}

bool SpoolWriter::WaitForRoom(const Stop& stop, TimePoint deadline) {
  std::unique_lock lock(mutex_);
  return WaitFor(&lock, stop, deadline,
                 [this] { return pending_.batch.GetDataSize() < options_.pending_bytes_max; });
}

bool SpoolWriter::WaitUntilDurable(const Stop& stop, TimePoint deadline) {
  std::unique_lock lock(mutex_);
  return WaitFor(&lock, stop, deadline, [this, wanted = ends_] { return ends_durable_ >= wanted; });
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
  return !failure_ && (pending_.captured || pending_.batch.GetDataSize() >= options_.chunk_bytes);
}

void SpoolWriter::Run() {
  NameThisThread("spool writer");
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
      pending_.number = taken_.number + 1;
      writing_ = true;
    }
    options_.clock->NotifyAll(&changed_);  // There is room again.
    WriteTaken();
  }
}

// False when the writer is to stop.
bool SpoolWriter::WaitForDisk() {
  while (true) {
    std::unique_lock lock(mutex_);
    const uint64_t bytes = pending_.batch.GetDataSize();
    lock.unlock();
    std::optional<std::string> obstacle = room_->Obstacle(bytes);
    lock.lock();
    if (obstacle && !obstacle_) {
      spdlog::error(
          "Capture pauses: {}. PostgreSQL retains the WAL in the meantime; capture resumes by "
          "itself when there is room",
          *obstacle);
    } else if (!obstacle && obstacle_) {
      spdlog::info("There is room in the spool again, capture resumes");
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
    if (taken_.captured) ledger_->PutCaptured(*taken_.captured, taken_.history, &taken_.batch);
    store_->Write(&taken_.batch, /*sync=*/taken_.captured.has_value());
    batches_written_ = taken_.number;
    BW_KILL_POINT(taken_.captured ? "spool.after_sync" : "spool.after_chunk");
  } catch (const Error& error) {
    failure = error.what();
  }
  if (!failure && taken_.captured) {
    ledger_->SetCaptured(*taken_.captured, taken_.history);
    changes_durable_ = taken_.changes;
    const int64_t now_us = options_.clock->WallMicros();
    for (const int64_t time_us : taken_.commit_times_us) commit_to_spool_.Observe(now_us - time_us);
  }
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (failure) {
      // Never retried: after a failed fsync the kernel may have dropped the pages, so that a second
      // one would succeed without them.
      spdlog::error(
          "{}. Nothing more is confirmed to PostgreSQL; the spool will be closed, reopened "
          "and read back",
          *failure);
      failure_ = failure;
    } else if (taken_.captured) {
      ends_durable_ = taken_.ends;
    }
    taken_.Clear();
  }
  options_.clock->NotifyAll(&changed_);
}

}  // namespace bw
