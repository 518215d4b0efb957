#include "spool/reread_notes.h"

#include <fmt/format.h>

#include <algorithm>

#include "spool/meta_format.h"

namespace bw {
namespace {

using Family = SpoolStore::Family;

bool Contains(const std::vector<TableName>& tables, const TableName& table) {
  return std::ranges::find(tables, table) != tables.end();
}

// The first key behind those of all notes.
std::string BehindNotes() {
  std::string key = kMetaRereadPrefix;
  ++key.back();
  return key;
}

}  // namespace

void RereadNotes::Load() {
  const std::lock_guard lock(mutex_);
  notes_.clear();
  store_->Scan(Family::kMeta, kMetaRereadPrefix, BehindNotes(),
               [this](std::string_view key, std::string_view value) {
                 notes_.push_back(DecodeReread(key, UnwrapMeta(key, value)));
                 return true;
               });
  if (!notes_.empty()) newest_number_ = std::max(newest_number_, notes_.back().number);
}

void RereadNotes::Note(const std::vector<TableName>& tables, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  std::vector<Reread> fresh;
  rocksdb::WriteBatch batch;
  for (const TableName& table : tables) {
    const bool is_noted = std::ranges::any_of(notes_, [&](const Reread& note) {
      return note.table == table && note.number > begun_;
    });
    if (is_noted) continue;
    const Reread& note = fresh.emplace_back(Reread{table, reason, newest_number_ + 1});
    const std::string key = RereadKey(note.number);
    store_->Put(&batch, Family::kMeta, key, WrapMeta(key, EncodeReread(note)));
    ++newest_number_;
  }
  if (fresh.empty()) return;
  store_->Write(&batch, /*sync=*/true);
  notes_.insert(notes_.end(), fresh.begin(), fresh.end());
}

void RereadNotes::BeginReread() {
  const std::lock_guard lock(mutex_);
  begun_ = newest_number_;
}

std::vector<std::string> RereadNotes::Settle(const std::vector<TableName>& tables) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> keys;
  std::erase_if(notes_, [&](const Reread& note) {
    if (note.number > begun_ || !Contains(tables, note.table)) return false;
    keys.push_back(RereadKey(note.number));
    return true;
  });
  return keys;
}

void RereadNotes::Forget(const Reread& note) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(notes_, note);
  if (found == notes_.end()) return;
  rocksdb::WriteBatch batch;
  store_->Delete(&batch, Family::kMeta, RereadKey(note.number));
  store_->Write(&batch, /*sync=*/true);
  notes_.erase(found);
}

std::vector<Reread> RereadNotes::all() const {
  const std::lock_guard lock(mutex_);
  return notes_;
}

void RereadNotes::ClearIn(rocksdb::WriteBatch* batch) {
  store_->DeleteRange(batch, Family::kMeta, kMetaRereadPrefix, BehindNotes());
}

}  // namespace bw
