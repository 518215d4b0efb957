// The part of PublishSession that publishes tombstones: of a re-snapshot, and of a TRUNCATE.

#include <utility>

#include "base/kill_point.h"
#include "base/log.h"
#include "publish/publish_session.h"

namespace bw {

// --- A re-snapshot ------------------------------------------------------------------------------

// Publishes one transaction of tombstones.
PublishSession::Step PublishSession::Purge(const SnapshotMark& snapshot) {
  if (!purge_) {
    auto purge = std::make_unique<SnapshotPurge>(PurgeTools(), snapshot);
    if (!purge->FindLeftovers(progress_.position)) {
      WatchCheckpoint();
      return Step::kRegistryAway;
    }
    purge_ = std::move(purge);
  }
  BW_KILL_POINT("resnapshot.leftovers_found");
  AnnounceDestinations();
  PauseBeforeBegin();
  // The topics will equal the tables, whatever was held.
  for (const TableName& table : snapshot.tables) held_.Release(table);
  CommitTransaction([&] { return purge_->Produce(&pending_); });
  if (progress_.position.is_end()) {
    spdlog::info("Wrote tombstones for {} keys that the new snapshot does not have",
                 purge_->count());
    purge_.reset();
  }
  WatchCheckpoint();
  return Step::kPublished;
}

SnapshotPurge::Tools PublishSession::PurgeTools() {
  return {.options = &options_,
          .servers = parts_,
          .stop = &stop_,
          .producer = producer_.get(),
          .destinations = destinations_.get(),
          .encoder = &encoder_};
}

// --- A TRUNCATE ---------------------------------------------------------------------------------

// `batch` holds the TRUNCATE alone; the last transaction covers it. Held tables get their
// tombstones when they catch up.
PublishSession::Step PublishSession::Truncate(const SpoolBatch& batch) {
  TruncateOf(
      batch.changes()[0], [&](const TableName& table) { return !held_.Holds(table); },
      [&] {
        ProduceBatch(batch);
        return batch.through();
      });
  WatchCheckpoint();
  return Step::kPublished;
}

void PublishSession::TruncateOf(const Change& change,
                                const std::function<bool(const TableName&)>& is_now,
                                const std::function<Progress()>& cover) {
  if (!truncate_ || truncate_->position() != change.position) {
    auto truncate = std::make_unique<TruncatePurge>(PurgeTools(), change, is_now);
    truncate->FindKeys();
    truncate_ = std::move(truncate);
  }
  AnnounceDestinations();
  PauseBeforeBegin();
  bool is_whole = false;
  CommitTransaction([&] {
    is_whole = truncate_->Produce(&pending_);
    return is_whole ? cover() : progress_;
  });
  if (!is_whole) return;
  if (!truncate_->tables().empty()) {  // All of them may be held.
    spdlog::info("TRUNCATE of {} at {}: wrote tombstones for {} keys", truncate_->tables(),
                 change.position.ToString(), truncate_->count());
  }
  truncate_.reset();
}

}  // namespace bw
