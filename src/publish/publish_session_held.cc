// The part of PublishSession that publishes what held tables have left in the spool.

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/kill_point.h"
#include "base/log.h"
#include "base/shown_text.h"
#include "publish/publish_session.h"
#include "publish/topic_name.h"

namespace bw {

// A spool that is not the one from which the checkpoint was written, or that was trimmed beyond
// their position, no longer has their changes: such tables are read again instead.
HeldPositions PublishSession::HeldOf(const Checkpoint& newest) {
  const SpoolState state = parts_.spool->ledger().state();
  if (newest.lineage != state.lineage && newest.lineage != state.predecessor) return {};
  HeldPositions held;
  for (const auto& [table, after] : newest.held) {
    if (newest.lineage == state.lineage && after >= state.trimmed) {
      if (!memory_->held_reasons.contains(table)) {
        spdlog::warn("Table {} is held after {}: its changes are tried again",
                     Printable(table.qualified()), after.ToString());
      }
      held.emplace(table, std::min(after, progress_.position));
      continue;
    }
    parts_.spool->ledger().NoteReread(
        table, "it was held, and the spool that had its changes is no longer there");
    spdlog::error(
        "Table {} was held after {}, and the spool no longer has its changes: it is read again. A "
        "table without a key cannot be: its topic lacks what it inserted from there to {}",
        Printable(table.qualified()), after.ToString(), progress_.position.ToString());
  }
  return held;
}

void PublishSession::ReleaseGivenUp() {
  {
    const std::lock_guard lock(memory_->mutex);
    given_up_ = memory_->given_up;
  }
  for (const TableName& table : given_up_) {
    if (!held_.Holds(table)) continue;
    spdlog::warn("What table {} was held for is given up, as an operator has asked",
                 Printable(table.qualified()));
    // The next checkpoint is due at once then.
    parts_.spool->ledger().NoteRemedy("resnapshot of a held table: " + table.qualified());
    held_.Release(table);
  }
}

void PublishSession::TellHeld() {
  const bool has_told = std::exchange(has_told_held_, !held_.empty());
  if (!has_told && held_.empty()) return;
  std::vector<HeldTable> list;
  std::map<TableName, std::optional<PublishMemory::HeldReason>> reasons;
  for (const auto& [table, after] : held_.positions()) {
    const auto& reason = reasons[table] = memory_->held_reasons[table];
    const bool is_beyond = !reason || reason->row <= after;
    list.push_back({table, after, is_beyond ? "" : reason->why});
  }
  memory_->held_reasons = std::move(reasons);
  std::optional<Position> after;
  if (!list.empty()) after = PublishedOfAll(progress_.position, held_.positions());
  parts_.spool->ledger().SetHeldAfter(after);
  const std::lock_guard lock(memory_->mutex);
  memory_->figures.held = std::move(list);
}

PublishedPositions PublishSession::WhatIsPublished(const NewestCheckpoint& newest) const {
  PublishedPositions published{progress_.position, {}};
  if (held_.empty()) return published;
  auto tables = parts_.spool->ledger().topic_claims(checkpoint_topic_).tables;
  for (const auto& [topic, table] : newest.claims) tables.insert_or_assign(topic, table);
  for (const auto& [topic, table] : tables) {
    const auto held = held_.positions().find(table);
    if (held != held_.positions().end()) published.by_topic.emplace(topic, held->second);
  }
  // Letters of what was held are in the place of its rows.
  published.by_topic.emplace(DeadLetterTopic(options_.topic_prefix),
                             PublishedOfAll(progress_.position, held_.positions()));
  return published;
}

std::optional<PublishSession::Step> PublishSession::CatchUp(const TableName& table) {
  const SpoolBatch batch = parts_.spool->log().Read(
      held_.positions().at(table),
      {options_.transaction_max_messages, options_.transaction_max_bytes, Lsn::Max()});
  const Position through = std::min(batch.through().position, progress_.position);
  if (batch.changes().empty() && through < progress_.position) {
    held_.GiveUp(table);
    return std::nullopt;
  }
  // No more than what is produced: topics of other tables may be gone by now, and rightly.
  const auto is_wanted = [&](const Change& change) {
    return change.position <= progress_.position && rows_->TableOf(change) == table;
  };
  if (!destinations_->Prepare(batch, is_wanted)) {
    // The other tables go on meanwhile.
    catch_up_at_ = parts_.clock->Now() + destinations_->registry_pause();
    return std::nullopt;
  }
  const auto produce = [&] {
    held_.BeginCatchUp(table);
    ProduceOf(table, batch);
    if (held_.EndCatchUp(table, through, progress_.position)) {
      spdlog::info("Table {} has caught up, and is no longer held", Printable(table.qualified()));
    }
    BW_KILL_POINT("publish.caught_up");
    return progress_;
  };
  if (!batch.changes().empty() && batch.changes()[0].operation == Operation::kTruncate &&
      batch.changes()[0].position <= progress_.position) {
    TruncateOf(
        batch.changes()[0], [&](const TableName& other) { return other == table; }, produce);
  } else {
    AnnounceDestinations();
    PauseBeforeBegin();
    CommitTransaction(produce);
  }
  WatchCheckpoint();
  return Step::kPublished;
}

void PublishSession::ProduceOf(const TableName& table, const SpoolBatch& batch) {
  for (const Change& change : batch.changes()) {
    if (change.position > progress_.position) return;
    if (change.operation == Operation::kTruncate) continue;
    if (rows_->TableOf(change) != table) continue;
    rows_->Publish(change, &pending_);
    if (held_.Holds(table)) return;  // Refused again.
    ++pending_.changes;
    ++pending_.caught_up;
    BW_KILL_POINT("publish.caught_up_one");
  }
}

}  // namespace bw
