#include "spool/toast_cache.h"

#include <rocksdb/write_batch.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"
#include "spool/meta_format.h"
#include "spool/spool_store.h"
#include "spool/spool_writer.h"
#include "spool/toast_format.h"

namespace bw {
namespace {

constexpr auto kFamily = SpoolStore::Family::kToast;
// Of a transaction that is being received; beyond it, it spills.
constexpr size_t kUncommittedBytesMax = 8 * kMiB;
// A look-up asks each of them.
constexpr uint32_t kGenerationsMax = 32;
// What an entry takes in memory besides its bytes, about.
constexpr size_t kEntryOverheadBytes = 128;

uint64_t LimitOf(const SpoolOptions& options) {
  if (options.max_bytes == 0) return options.toast_cache_max_bytes;
  return std::min(options.toast_cache_max_bytes, options.max_bytes / 4);
}

}  // namespace

ToastCache::ToastCache(const SpoolOptions& options, SpoolStore* store)
    : limit_bytes_(LimitOf(options)), store_(store) {}

// --- Reading back --------------------------------------------------------------------------------

std::optional<uint32_t> ToastCache::ReadNumber(std::string_view name) {
  const std::optional<std::string> value = store_->Get(kFamily, name);
  if (!value) return std::nullopt;
  ByteReader reader(UnwrapMeta(name, *value), "toast number");
  return reader.ReadU32();
}

void ToastCache::Load() {
  recent_.clear();
  uncommitted_.clear();
  uncommitted_bytes_ = 0;
  flushed_.clear();
  erased_.clear();
  all_erased_.reset();
  spilled_ = rotate_ = source_is_new_ = false;
  proofs_.clear();
  const std::optional<std::string> source = store_->Get(kFamily, kToastSource);
  source_ = source ? UnwrapMeta(kToastSource, *source) : "";
  committed_ = ReadNumber(kToastCommitted).value_or(1);
  {
    const std::lock_guard lock(drop_mutex_);  // GiveRoom() may be moving it.
    oldest_ = ReadNumber(kToastOldest).value_or(1);
  }
  newest_ = std::max(committed_, oldest_.load());
  store_->Scan(kFamily, kToastProofPrefix, kToastProofEnd,
               [&](std::string_view key, std::string_view value) {
                 proofs_.emplace(DecodeProofKey(key), DecodeProof(UnwrapMeta(key, value)));
                 return true;
               });
  LoadRelations();
}

// One look for each table and generation, not one for each entry.
void ToastCache::LoadRelations() {
  relations_.clear();
  for (uint32_t generation = oldest_; generation <= committed_; ++generation) {
    std::string from = GenerationKey(generation);
    bool found = true;
    while (found) {
      found = false;
      store_->Scan(kFamily, from, GenerationKey(generation + 1), [&](std::string_view key, auto) {
        const std::string_view cell = CellIn(key);
        relations_[RelationOf(cell)] = KeyFormOf(cell);
        from = RelationEnd(generation, RelationOf(cell));
        found = true;
        return false;
      });
    }
  }
}

void ToastCache::DropUncommitted() {
  const std::string begin = enabled() ? GenerationKey(committed_ + 1) : GenerationKey(0);
  bool any = false;
  store_->Scan(kFamily, begin, kToastEntriesEnd, [&](auto, auto) {
    any = true;
    return false;
  });
  if (!any) return;
  rocksdb::WriteBatch batch;
  store_->DeleteRange(&batch, kFamily, begin, kToastEntriesEnd);
  store_->Write(&batch, /*sync=*/true);
  if (!enabled()) relations_.clear();
}

void ToastCache::PutNew(rocksdb::WriteBatch* batch) const {
  // Not the numbers of the generations: oldest is written outside of batches, and never goes back.
  store_->DeleteRange(batch, kFamily, kToastEntriesBegin, kToastEntriesEnd);
  store_->DeleteRange(batch, kFamily, kToastProofPrefix, kToastProofEnd);
}

// --- Capture -------------------------------------------------------------------------------------

std::optional<uint32_t> ToastCache::EntriesOf(uint32_t relation) const {
  const auto found = relations_.find(relation);
  if (found == relations_.end()) return std::nullopt;
  return found->second;
}

uint32_t ToastCache::FirstCounting(uint32_t relation) const {
  uint32_t first = oldest_;
  if (all_erased_) first = std::max(first, all_erased_->below);
  if (const auto found = erased_.find(relation); found != erased_.end()) {
    first = std::max(first, found->second.below);
  }
  return first;
}

std::optional<ToastValue> ToastCache::Find(const ToastRow& row, std::string_view column) {
  if (!EntriesOf(row.relation)) return std::nullopt;
  ForgetWritten();
  const std::string cell = CellKey(row, column);
  if (const auto found = recent_.find(cell); found != recent_.end()) return found->second.value;
  const uint32_t first = FirstCounting(row.relation);
  for (uint32_t generation = newest_; generation >= first && generation > 0; --generation) {
    const std::string key = EntryKey(generation, cell);
    const std::optional<std::string> value = store_->Get(kFamily, key);
    if (value) return DecodeToastEntry(key, *value);
  }
  return std::nullopt;
}

bool ToastCache::IsKnownAbsent(const std::string& cell) const {
  const uint32_t first = FirstCounting(RelationOf(cell));
  for (uint32_t generation = newest_; generation >= first && generation > 0; --generation) {
    if (store_->MayExist(kFamily, EntryKey(generation, cell))) return false;
  }
  return true;
}

void ToastCache::Put(const ToastRow& row, std::string_view column, ToastValue value) {
  if (!enabled()) return;
  if (value.text.size() > limit_bytes_ / 4) return Erase(row, column);
  relations_[row.relation] = row.key_form;
  Set(CellKey(row, column), std::move(value));
}

void ToastCache::Erase(const ToastRow& row, std::string_view column) {
  if (!EntriesOf(row.relation)) return;
  ForgetWritten();
  std::string cell = CellKey(row, column);
  const auto found = recent_.find(cell);
  if (found == recent_.end() ? IsKnownAbsent(cell) : !found->second.value) return;
  Set(std::move(cell), std::nullopt);
}

void ToastCache::Set(std::string cell, std::optional<ToastValue> value) {
  const size_t cell_bytes = cell.size() + kEntryOverheadBytes;
  const auto [found, is_new] = recent_.try_emplace(cell);
  Recent& recent = found->second;
  if (is_new || recent.batch != kUncommitted) {
    uncommitted_.push_back(std::move(cell));
    uncommitted_bytes_ += cell_bytes;
  } else if (recent.value) {
    uncommitted_bytes_ -= recent.value->text.size();
  }
  recent = {kUncommitted, std::move(value)};
  if (recent.value) uncommitted_bytes_ += recent.value->text.size();
  if (uncommitted_bytes_ > kUncommittedBytesMax) Spill();
}

// What this transaction has spilled so far is erased as well, so what follows gets another
// generation.
uint32_t ToastCache::NextErasedBelow() {
  if (spilled_) return ++newest_;
  return newest_ + 1;
}

void ToastCache::EraseRelation(uint32_t relation) {
  if (relations_.erase(relation) == 0) return;
  const auto is_its = [&](const std::string& cell) { return RelationOf(cell) == relation; };
  for (const std::string& cell : uncommitted_) {
    const auto found = recent_.find(cell);
    if (!is_its(cell) || found == recent_.end()) continue;
    const std::optional<ToastValue>& value = found->second.value;
    uncommitted_bytes_ -= cell.size() + kEntryOverheadBytes + (value ? value->text.size() : 0);
  }
  std::erase_if(uncommitted_, is_its);
  std::erase_if(recent_, [&](const auto& entry) { return is_its(entry.first); });
  erased_[relation] = {NextErasedBelow(), kUncommitted};
}

void ToastCache::EraseAll() {
  relations_.clear();
  recent_.clear();
  uncommitted_.clear();
  uncommitted_bytes_ = 0;
  all_erased_ = Erased{NextErasedBelow(), kUncommitted};
}

void ToastCache::RequireSource(std::vector<std::string> publications) {
  std::ranges::sort(publications);
  std::string source;
  for (const std::string& name : publications) source += name + '\0';  // No name has a NUL.
  if (!enabled() || source == source_) return;
  EraseAll();
  source_ = source;
  source_is_new_ = true;
}

const ToastProof* ToastCache::FindProof(uint32_t relation) const {
  const auto found = proofs_.find(relation);
  return found == proofs_.end() ? nullptr : &found->second;
}

void ToastCache::NoteProof(uint32_t relation, const ToastProof& proof) {
  ToastProof& known = proofs_[relation];
  if (known == proof) return;
  known = proof;
  const std::string key = ProofKey(relation);
  writer_->Add([&](rocksdb::WriteBatch* batch) {
    store_->Put(batch, kFamily, key, WrapMeta(key, EncodeProof(proof)));
  });
}

void ToastCache::ForgetProofsAfter(Lsn lsn) {
  rocksdb::WriteBatch batch;
  std::erase_if(proofs_, [&](const auto& entry) {
    const auto is_after = [&](const auto& column) { return column.second.since > lsn; };
    const bool forgets = std::ranges::any_of(entry.second.columns, is_after);
    if (forgets) store_->Delete(&batch, kFamily, ProofKey(entry.first));
    return forgets;
  });
  store_->Write(&batch, /*sync=*/true);
}

// --- Into the spool's batches --------------------------------------------------------------------

void ToastCache::PutEntries(rocksdb::WriteBatch* batch, bool commits) {
  for (const std::string& cell : uncommitted_) {
    const std::optional<ToastValue>& value = recent_.at(cell).value;
    if (value || !commits) {
      const std::string key = EntryKey(newest_, cell);
      const std::string entry = EncodeToastEntry(key, value);
      unchecked_bytes_ += key.size() + entry.size();
      store_->Put(batch, kFamily, key, entry);
      continue;
    }
    for (uint32_t generation = oldest_; generation <= newest_; ++generation) {
      store_->Delete(batch, kFamily, EntryKey(generation, cell));
    }
  }
}

void ToastCache::PutErasures(rocksdb::WriteBatch* batch) {
  if (all_erased_ && all_erased_->batch == kUncommitted) {
    store_->DeleteRange(batch, kFamily, kToastEntriesBegin, GenerationKey(all_erased_->below));
  }
  for (const auto& [relation, erased] : erased_) {
    if (erased.batch != kUncommitted) continue;
    for (uint32_t generation = oldest_; generation < erased.below; ++generation) {
      store_->DeleteRange(batch, kFamily, RelationBegin(generation, relation),
                          RelationEnd(generation, relation));
    }
  }
}

// Until the transaction ends these entries are in generations that do not count. A removal is an
// entry, too, since the committed generations must stay as they are.
void ToastCache::Spill() {
  if (!spilled_ || rotate_) ++newest_;
  newest_ = std::max(newest_.load(), oldest_.load());
  spilled_ = true;
  rotate_ = false;
  const uint64_t number =
      writer_->Add([this](rocksdb::WriteBatch* batch) { PutEntries(batch, /*commits=*/false); });
  MarkFlushed(number);
  KeepWithinLimit();
}

// Erasures first: what was put after them is in the same batch.
void ToastCache::PutPending(rocksdb::WriteBatch* batch) {
  if (rotate_ && !spilled_) ++newest_;
  rotate_ = false;
  newest_ = std::max(newest_.load(), oldest_.load());
  PutErasures(batch);
  PutEntries(batch, /*commits=*/true);
  if (source_is_new_) store_->Put(batch, kFamily, kToastSource, WrapMeta(kToastSource, source_));
  if (newest_ == committed_) return;
  std::string number;
  AppendU32(&number, newest_);
  store_->Put(batch, kFamily, kToastCommitted, WrapMeta(kToastCommitted, number));
}

void ToastCache::Flushed(uint64_t batch_number) {
  MarkFlushed(batch_number);
  for (auto& [relation, erased] : erased_) {
    if (erased.batch == kUncommitted) erased.batch = batch_number;
  }
  if (all_erased_ && all_erased_->batch == kUncommitted) all_erased_->batch = batch_number;
  spilled_ = source_is_new_ = false;
  committed_ = newest_;
  KeepWithinLimit();
}

void ToastCache::MarkFlushed(uint64_t batch_number) {
  for (std::string& cell : uncommitted_) {
    recent_.at(cell).batch = batch_number;
    flushed_.emplace_back(batch_number, std::move(cell));
  }
  uncommitted_.clear();
  uncommitted_bytes_ = 0;
  ForgetWritten();
}

// The store has it now.
void ToastCache::ForgetWritten() {
  const uint64_t written = writer_->batches_written();
  while (!flushed_.empty() && flushed_.front().first <= written) {
    const auto found = recent_.find(flushed_.front().second);
    if (found != recent_.end() && found->second.batch <= written) recent_.erase(found);
    flushed_.pop_front();
  }
  std::erase_if(erased_, [&](const auto& entry) { return entry.second.batch <= written; });
  if (all_erased_ && all_erased_->batch <= written) all_erased_.reset();
}

// --- The limit -----------------------------------------------------------------------------------

void ToastCache::KeepWithinLimit() {
  const bool many = newest_ + 1 - oldest_ > kGenerationsMax;
  if (!many && unchecked_bytes_ < std::max<uint64_t>(limit_bytes_ / 32, kMiB / 8)) return;
  unchecked_bytes_ = 0;
  const uint64_t newest_bytes =
      store_->EstimateBytes(kFamily, GenerationKey(newest_), kToastEntriesEnd);
  rotate_ = newest_bytes >= limit_bytes_ / 4;
  while (oldest_ < newest_) {
    const uint64_t bytes = store_->EstimateBytes(kFamily, GenerationKey(oldest_), kToastEntriesEnd);
    if (bytes <= limit_bytes_ && newest_ + 1 - oldest_ <= kGenerationsMax) return;
    if (!DropOldest(newest_ - 1)) return;
  }
}

// Written by itself, synced, before any file goes: once a part of a generation is deleted the rest
// must never be read, since an older version of an entry may remain where a newer one is gone.
bool ToastCache::DropOldest(uint32_t last) {
  const std::lock_guard lock(drop_mutex_);
  const uint32_t dropped = oldest_;
  if (dropped > last) return false;
  rocksdb::WriteBatch batch;
  std::string number;
  AppendU32(&number, dropped + 1);
  store_->Put(&batch, kFamily, kToastOldest, WrapMeta(kToastOldest, number));
  store_->DeleteRange(&batch, kFamily, GenerationKey(0), GenerationKey(dropped + 1));
  store_->Write(&batch, /*sync=*/true);
  oldest_ = dropped + 1;
  store_->DeleteFiles(kFamily, GenerationKey(0), GenerationKey(dropped + 1));
  return true;
}

bool ToastCache::GiveRoom() {
  if (!enabled()) return false;
  try {
    const std::string begin = GenerationKey(0);
    const uint32_t newest = newest_;
    bool any = false;
    store_->Scan(kFamily, begin, kToastEntriesEnd, [&](auto, auto) {
      any = true;
      return false;
    });
    if (!any || !DropOldest(newest)) return false;
    store_->Compact(kFamily, begin, GenerationKey(oldest_));
    return true;
  } catch (const Error& error) {
    spdlog::debug("no room could be made: {}", error.what());
    return false;
  }
}

}  // namespace bw
