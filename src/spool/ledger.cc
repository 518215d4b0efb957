#include "spool/ledger.h"

#include <rocksdb/write_batch.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "spool/meta_format.h"
#include "spool/spool_store.h"

namespace bw {
namespace {

using Family = SpoolStore::Family;

// The first name after all names with this prefix.
std::string PrefixEnd(std::string prefix) {
  ++prefix.back();
  return prefix;
}

}  // namespace

// --- Entries -----------------------------------------------------------------------------------

std::optional<std::string> Ledger::Get(std::string_view name) const {
  const auto value = store_->Get(Family::kMeta, name);
  if (!value) return std::nullopt;
  return std::string(UnwrapMeta(name, *value));
}

void Ledger::Scan(
    const std::string& prefix,
    const std::function<void(std::string_view name, std::string_view body)>& visit) const {
  store_->Scan(Family::kMeta, prefix, PrefixEnd(prefix),
               [&](std::string_view name, std::string_view value) {
                 visit(name, UnwrapMeta(name, value));
                 return true;
               });
}

void Ledger::Put(rocksdb::WriteBatch* batch, std::string_view name, std::string_view body) const {
  store_->Put(batch, Family::kMeta, name, WrapMeta(name, body));
}

void Ledger::Write(std::string_view name, std::string_view body, bool sync) const {
  rocksdb::WriteBatch batch;
  Put(&batch, name, body);
  store_->Write(&batch, sync);
}

void Ledger::Erase(std::string_view name) const {
  rocksdb::WriteBatch batch;
  store_->Delete(&batch, Family::kMeta, name);
  store_->Write(&batch, /*sync=*/true);
}

bool Ledger::WriteHint(const char* what,
                       const std::function<void(rocksdb::WriteBatch*)>& put) const {
  try {
    rocksdb::WriteBatch batch;
    put(&batch);
    store_->Write(&batch, /*sync=*/false);
    return true;
  } catch (const Error& error) {
    spdlog::debug("{} not noted: {}", what, error.what());
    return false;
  }
}

// --- As a whole --------------------------------------------------------------------------------

Ledger::Ledger(SpoolStore* store, Clock* clock) : store_(store), clock_(clock) { Load(); }

SpoolState Ledger::ReadState() const {
  SpoolState state;
  if (const auto body = Get(kMetaIdentity)) DecodeIdentity(*body, &state);
  if (const auto body = Get(kMetaCaptured)) state.captured = DecodeProgress(*body);
  state.history.changes_end = state.captured.end_lsn;  // In a spool of an older program.
  if (const auto body = Get(kMetaHistory)) state.history = DecodeHistory(*body);
  if (const auto body = Get(kMetaPublished)) state.published = DecodeProgress(*body);
  if (const auto body = Get(kMetaHeldAfter)) state.held_after = DecodeProgress(*body).position;
  if (const auto body = Get(kMetaTrimmed)) state.trimmed = DecodeProgress(*body).position;
  if (const auto body = Get(kMetaKafkaCluster)) state.kafka_cluster_id = *body;
  if (const auto body = Get(kMetaRemedies)) state.remedies = DecodeRemedies(*body);
  return state;
}

Ledger::Notes Ledger::ReadNotes() const {
  Notes notes;
  if (const auto body = Get(kMetaSnapshots)) notes.snapshots = DecodeSnapshots(*body);
  Scan(kMetaRereadPrefix, [&](std::string_view name, std::string_view body) {
    notes.rereads.push_back(DecodeReread(name, body));
  });
  Scan(kMetaTableKeyPrefix, [&](std::string_view name, std::string_view body) {
    TableKey key = DecodeTableKey(name, body);
    notes.table_keys.emplace(key.relation, std::move(key));
  });
  Scan(kMetaTypePrefix, [&](std::string_view name, std::string_view body) {
    TypeNote type = DecodeTypeNote(name, body);
    notes.types.emplace(type.oid, std::move(type));
  });
  return notes;
}

void Ledger::Load() {
  const std::lock_guard change_lock(change_mutex_);
  if (const auto format = Get(kMetaFormat)) {
    CheckFormatVersion(*format);
  } else {
    Write(kMetaFormat, EncodeFormatVersion(), /*sync=*/true);
  }
  SpoolState state = ReadState();
  Notes notes = ReadNotes();
  {
    const std::lock_guard lock(mutex_);
    // The hint on the disk may lag behind what Kafka has committed since. With another lineage, the
    // process has just begun or the spool begins anew: then the disk is right.
    if (state.lineage == state_.lineage) {
      state.published = state_.published;
      state.held_after = state_.held_after;
    }
    state_ = std::move(state);
    notes_ = std::move(notes);
    if (!notes_.rereads.empty()) {
      newest_number_ = std::max(newest_number_, notes_.rereads.back().number);
    }
  }
  clock_->NotifyAll(&captured_changed_);
}

void Ledger::PutNew(const SpoolState& fresh, rocksdb::WriteBatch* batch) const {
  Put(batch, kMetaIdentity, EncodeIdentity(fresh));
  PutCaptured(fresh.captured, fresh.history, batch);
  Put(batch, kMetaPublished, EncodeProgress(fresh.published));
  store_->Delete(batch, Family::kMeta, kMetaHeldAfter);
  Put(batch, kMetaTrimmed, EncodeProgress({fresh.trimmed, Lsn::Invalid()}));
  Put(batch, kMetaKafkaCluster, fresh.kafka_cluster_id);
  Put(batch, kMetaSnapshots, EncodeSnapshots({}));
  // Every row will be published again, and keys under older ids get tombstones.
  Put(batch, kMetaRegistryIds, EncodeRegistryIds({}));
  store_->DeleteRange(batch, Family::kMeta, kMetaRereadPrefix, PrefixEnd(kMetaRereadPrefix));
  store_->DeleteRange(batch, Family::kMeta, kMetaTableKeyPrefix, PrefixEnd(kMetaTableKeyPrefix));
  store_->DeleteRange(batch, Family::kMeta, kMetaTypePrefix, PrefixEnd(kMetaTypePrefix));
  store_->Delete(batch, Family::kMeta, kMetaMembers);
}

SpoolState Ledger::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

// --- How far -----------------------------------------------------------------------------------

Progress Ledger::captured() const {
  const std::lock_guard lock(mutex_);
  return state_.captured;
}

Progress Ledger::published() const {
  const std::lock_guard lock(mutex_);
  return state_.published;
}

Position Ledger::trimmed() const {
  const std::lock_guard lock(mutex_);
  return state_.trimmed;
}

void Ledger::PutCaptured(const Progress& captured, const CapturedHistory& history,
                         rocksdb::WriteBatch* batch) const {
  Put(batch, kMetaCaptured, EncodeProgress(captured));
  Put(batch, kMetaHistory, EncodeHistory(history));
}

void Ledger::SetCaptured(const Progress& captured, const CapturedHistory& history) {
  {
    const std::lock_guard lock(mutex_);
    BW_CHECK(captured.position >= state_.captured.position);
    BW_CHECK(captured.end_lsn >= state_.captured.end_lsn);
    state_.captured = captured;
    state_.history = history;
  }
  clock_->NotifyAll(&captured_changed_);
}

void Ledger::WaitForCaptured(const Progress& seen, Duration timeout, const Stop& stop) {
  std::unique_lock lock(mutex_);
  clock_->WaitUntil(&lock, &captured_changed_, clock_->Now() + timeout,
                    [&] { return state_.captured != seen || stop.requested(); });
}

void Ledger::SetPublished(const Progress& published) {
  Progress now;
  {
    const std::lock_guard lock(mutex_);
    BW_CHECK(published.position >= state_.published.position);
    state_.published.position = published.position;
    // A split transaction has no new end LSN.
    state_.published.end_lsn = std::max(state_.published.end_lsn, published.end_lsn);
    now = state_.published;
  }
  // Only a hint: publishing must go on when nothing can be written here, since it is publishing
  // that makes room on a full disk.
  WriteHint("published position",
            [&](rocksdb::WriteBatch* batch) { Put(batch, kMetaPublished, EncodeProgress(now)); });
}

void Ledger::SetHeldAfter(const std::optional<Position>& after) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(state_.held_after, after) == after) return;
  }
  WriteHint("position of held tables", [&](rocksdb::WriteBatch* batch) {
    if (after) {
      Put(batch, kMetaHeldAfter, EncodeProgress({*after, Lsn::Invalid()}));
    } else {
      store_->Delete(batch, Family::kMeta, kMetaHeldAfter);
    }
  });
}

bool Ledger::IsAllPublished() const {
  const std::lock_guard lock(mutex_);
  return !state_.held_after && state_.published.position >= state_.captured.position;
}

void Ledger::RewindPublished(const Progress& published) {
  Write(kMetaPublished, EncodeProgress(published), /*sync=*/true);
  const std::lock_guard lock(mutex_);
  state_.published = published;
}

void Ledger::SetTrimmed(const Position& trimmed) {
  const std::lock_guard change_lock(change_mutex_);
  Write(kMetaTrimmed, EncodeProgress({trimmed, Lsn::Invalid()}), /*sync=*/false);
  const std::lock_guard lock(mutex_);
  state_.trimmed = trimmed;
}

// --- Identity ----------------------------------------------------------------------------------

void Ledger::SetTimeline(uint32_t timeline) {
  const std::lock_guard change_lock(change_mutex_);
  SpoolState changed = state();
  changed.source.timeline = timeline;
  Write(kMetaIdentity, EncodeIdentity(changed), /*sync=*/true);
  const std::lock_guard lock(mutex_);
  state_.source.timeline = timeline;
}

void Ledger::SetKafkaClusterId(const std::string& cluster_id) {
  const std::lock_guard change_lock(change_mutex_);
  if (state().kafka_cluster_id == cluster_id) return;
  Write(kMetaKafkaCluster, cluster_id, /*sync=*/true);
  const std::lock_guard lock(mutex_);
  state_.kafka_cluster_id = cluster_id;
}

// --- Snapshots ---------------------------------------------------------------------------------

// Nobody changes the identity before the batch is durable: SetTimeline is the capturing thread's.
void Ledger::PutSnapshotEnd(Lsn commit_lsn, const std::vector<TableName>& tables,
                            rocksdb::WriteBatch* batch) {
  const std::lock_guard change_lock(change_mutex_);
  const std::lock_guard lock(mutex_);
  const bool is_first = state_.phase == SpoolPhase::kFirstStart;
  // What is still in the spool may be published again, with its tombstones (relay/replay.h).
  std::erase_if(notes_.snapshots, [&](const SnapshotMark& mark) {
    return state_.trimmed >= Position::EndOf(mark.commit_lsn);
  });
  notes_.snapshots.push_back({commit_lsn, !is_first || state_.supersedes, tables});
  Put(batch, kMetaSnapshots, EncodeSnapshots(notes_.snapshots));
  std::erase_if(notes_.rereads, [&](const Reread& note) {
    if (note.number > begun_ || !std::ranges::count(tables, note.table)) return false;
    store_->Delete(batch, Family::kMeta, RereadKey(note.number));
    return true;
  });
  state_.phase = SpoolPhase::kStreaming;
  if (is_first) Put(batch, kMetaIdentity, EncodeIdentity(state_));
}

std::vector<SnapshotMark> Ledger::snapshots() const {
  const std::lock_guard lock(mutex_);
  return notes_.snapshots;
}

// Called before each Kafka transaction, so it copies only the mark that is needed.
std::optional<SnapshotMark> Ledger::NextPurge(const Position& published) const {
  const std::lock_guard lock(mutex_);
  for (const SnapshotMark& mark : notes_.snapshots) {
    if (mark.purges && published < Position::EndOf(mark.tombstones_lsn())) return mark;
  }
  return std::nullopt;
}

}  // namespace bw
