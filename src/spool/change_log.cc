#include "spool/change_log.h"

#include <rocksdb/write_batch.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/error.h"
#include "base/kill_point.h"
#include "base/random_id.h"
#include "spool/corruption.h"
#include "spool/disk_room.h"
#include "spool/meta_format.h"
#include "spool/record_format.h"
#include "spool/spool_store.h"
#include "spool/spool_writer.h"
#include "spool/toast_cache.h"

namespace bw {
namespace {

using Family = SpoolStore::Family;

}  // namespace

ChangeLog::ChangeLog(const SpoolOptions& options, SpoolStore* store, Ledger* ledger, DiskRoom* room)
    : store_(store),
      ledger_(ledger),
      toast_(std::make_unique<ToastCache>(options, store)),
      tallies_(options.tally_transactions) {
  Load();
  room->GiveWay(toast_.get());
  writer_ = std::make_unique<SpoolWriter>(store, ledger, room, options);
  toast_->Attach(writer_.get());
}

ChangeLog::~ChangeLog() = default;

void ChangeLog::Load() {
  const SpoolState state = ledger_->state();
  newest_appended_ = state.captured.position;
  newest_ended_ = state.captured;
  newest_history_ = state.history;
  tally_.clear();
  LoadSchemas();
  toast_->Load();
}

void ChangeLog::LoadSchemas() {
  std::map<SchemaId, TableSchema> durable;
  store_->Scan(Family::kSchemas, "", kBehindAllSchemas,
               [&](std::string_view key, std::string_view value) {
                 durable.emplace(DecodeSchemaKey(key), DecodeTableSchema(UnwrapMeta(key, value)));
                 return true;
               });
  const std::lock_guard lock(schemas_mutex_);
  // References to remaining schemas must stay valid: only add and remove.
  std::erase_if(schemas_, [&](const auto& entry) { return !durable.contains(entry.first); });
  schemas_.merge(durable);
  schema_ids_.clear();
  for (const auto& [id, schema] : schemas_) schema_ids_.emplace(EncodeTableSchema(schema), id);
}

void ChangeLog::Resume() {
  Load();
  changes_ = writer_->changes_durable();
  writer_->Restart();
}

void ChangeLog::BeginAnew(SpoolState fresh) {
  writer_->Suspend();
  if (fresh.lineage.empty()) fresh.lineage = RandomId();
  rocksdb::WriteBatch batch;
  store_->DeleteRange(&batch, Family::kChanges, "", kBehindAllPositions);
  store_->DeleteRange(&batch, Family::kSchemas, "", kBehindAllSchemas);
  toast_->PutNew(&batch);
  ledger_->PutNew(fresh, &batch);
  store_->Write(&batch, /*sync=*/true);
  ledger_->Load();
  Resume();
  // Frees the space, but only now that the batch is durable: until then a crash must find the old
  // spool complete.
  try {
    store_->DeleteFiles("", kBehindAllPositions);
  } catch (const Error& error) {
    spdlog::debug("the old spool's files are left for compaction: {}", error.what());
  }
}

bool ChangeLog::failed() const { return writer_->failed(); }

// The writer is suspended before the store is opened, and until everything is read back: see
// SpoolWriter::Suspend.
void ChangeLog::Recover() {
  writer_->Suspend();
  store_->Reopen();
  DropUncaptured();
}

// --- Capture -----------------------------------------------------------------------------------

void ChangeLog::DropUncaptured() {
  writer_->Suspend();
  // Makes the ledger forget what it counts although its batch was dropped: keys, and the end of a
  // snapshot. After a failed write, `captured` may come back newer than anybody was told.
  ledger_->Load();
  DeleteUncaptured();
  toast_->Load();
  toast_->DropUncommitted();
  Resume();
}

void ChangeLog::DeleteUncaptured() {
  const std::string begin = KeyAfter(ledger_->captured().position);
  bool any = false;
  store_->Scan(Family::kChanges, begin, kBehindAllPositions, [&](auto, auto) {
    any = true;
    return false;
  });
  if (!any) return;
  rocksdb::WriteBatch batch;
  store_->DeleteRange(&batch, Family::kChanges, begin, kBehindAllPositions);
  store_->Write(&batch, /*sync=*/true);
}

SchemaId ChangeLog::AddSchema(const TableSchema& schema) {
  const std::string body = EncodeTableSchema(schema);
  const std::lock_guard lock(schemas_mutex_);
  if (const auto known = schema_ids_.find(body); known != schema_ids_.end()) return known->second;
  const SchemaId id{schemas_.empty() ? 1 : schemas_.rbegin()->first.value + 1};
  const std::string key = EncodeSchemaKey(id);
  writer_->Add([&](rocksdb::WriteBatch* batch) {
    store_->Put(batch, Family::kSchemas, key, WrapMeta(key, body));
  });
  schemas_.emplace(id, schema);
  schema_ids_.emplace(body, id);
  return id;
}

void ChangeLog::AppendTableKey(const TableKey& key) {
  writer_->Add([&](rocksdb::WriteBatch* batch) { ledger_->PutTableKey(key, batch); });
}

void ChangeLog::AppendType(const TypeNote& type) {
  writer_->Add([&](rocksdb::WriteBatch* batch) { ledger_->PutType(type, batch); });
}

void ChangeLog::Append(const Change& change) {
  // A position that does not rise would overwrite, or hide below `captured`, another change.
  BW_CHECK(change.position > newest_appended_);
  const PositionKey key = EncodePositionKey(change.position);
  record_.clear();
  EncodeChange(key, change, &record_);
  writer_->Append(key, record_);
  bytes_appended_.fetch_add(record_.size(), std::memory_order_relaxed);
  ++changes_;
  if (tallies_ && change.operation != Operation::kTruncate) ++tally_[change.schema_id];
  newest_appended_ = change.position;
}

void ChangeLog::AppendEnd(const TransactionEnd& end) {
  const Position position = Position::EndOf(end.commit_lsn);
  BW_CHECK(position > newest_ended_.position);
  // A database that was restored to a point after all our changes, but before the idle WAL that we
  // have noted, continues below that.
  newest_ended_ = {position, std::max(end.end_lsn, newest_ended_.end_lsn)};
  const PositionKey key = EncodePositionKey(position);
  record_.clear();
  const TransactionTally tally{end.xid, end.commit_time_us, {tally_.begin(), tally_.end()}};
  EncodeTransactionEnd(key, newest_ended_.end_lsn, tallies_ ? &tally : nullptr, &record_);
  tally_.clear();
  writer_->Append(key, record_);
  newest_appended_ = position;
}

void ChangeLog::EndTransaction(const TransactionEnd& end) {
  AppendEnd(end);
  newest_history_ = {end.end_lsn, end};
  End();
}

// The values are as of `captured` on the disk, too: they are in its batch.
void ChangeLog::End() {
  toast_->Flushed(writer_->End(newest_ended_, newest_history_, changes_,
                               [this](rocksdb::WriteBatch* batch) { toast_->PutPending(batch); }));
}

bool ChangeLog::EndSnapshot(const TransactionEnd& end, const std::vector<TableName>& tables,
                            const Stop& stop) {
  AppendEnd(end);
  writer_->Add(
      [&](rocksdb::WriteBatch* batch) { ledger_->PutSnapshotEnd(end.commit_lsn, tables, batch); });
  newest_history_.changes_end = end.end_lsn;
  End();
  return WaitUntilDurable(stop);
}

void ChangeLog::AdvanceIdle(Lsn end_lsn) {
  if (end_lsn <= newest_ended_.end_lsn) return;
  newest_ended_.end_lsn = end_lsn;
  End();
}

bool ChangeLog::HasRoom() const { return writer_->HasRoom(); }

bool ChangeLog::WaitForRoom(const Stop& stop, TimePoint deadline) {
  return writer_->WaitForRoom(stop, deadline);
}

bool ChangeLog::WaitUntilDurable(const Stop& stop, TimePoint deadline) {
  return writer_->WaitUntilDurable(stop, deadline);
}

std::optional<std::string> ChangeLog::Obstacle() const { return writer_->obstacle(); }

uint64_t ChangeLog::changes_captured() const { return writer_->changes_durable(); }

const LatencyHistogram& ChangeLog::commit_to_spool() const { return writer_->commit_to_spool(); }

uint64_t ChangeLog::EstimateChangesAfter(const Position& after) const {
  return store_->EstimateEntries(SpoolStore::Family::kChanges, EncodePositionKey(after),
                                 EncodePositionKey({Lsn::Max(), 0}));
}

// --- Publish -----------------------------------------------------------------------------------

SpoolBatch ChangeLog::Read(const Position& after, const ReadLimits& limits) const {
  const Progress end = ledger_->captured();
  const Position limit{limits.before, 0};
  const bool is_limited = limit <= end.position;
  Progress through = end;
  if (is_limited) {
    const Position last = Position::EndOf(Lsn{limits.before.value - 1});
    through = {std::max(after, last), Lsn::Invalid()};
  }
  SpoolBatchBuilder builder(limits);
  if (after < end.position && after < limit) {
    // Nothing above `captured` is read: it may be an unfinished transaction.
    store_->Scan(
        Family::kChanges, KeyAfter(after),
        is_limited ? std::string(EncodePositionKey(limit)) : KeyAfter(end.position),
        [&](std::string_view key, std::string_view value) { return builder.Take(key, value); });
  }
  return builder.Finish(through);
}

const TableSchema& ChangeLog::Schema(SchemaId id) const {
  const std::lock_guard lock(schemas_mutex_);
  const auto found = schemas_.find(id);
  if (found == schemas_.end()) {
    throw CorruptSpool("a change refers to schema " + std::to_string(id.value) +
                       ", which is not there");
  }
  return found->second;
}

void ChangeLog::Trim(const Position& through) {
  if (through <= ledger_->trimmed()) return;
  try {
    // The head moves first, so nobody reads the files below it that a crash leaves behind.
    ledger_->SetTrimmed(through);
    BW_KILL_POINT("spool.trim_head_moved");
    store_->DeleteFiles("", EncodePositionKey(through));
  } catch (const Error& error) {
    spdlog::debug("the spool could not be trimmed now: {}",
                  error.what());  // The next trim covers this one.
  }
}

}  // namespace bw
