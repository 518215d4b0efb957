#include "spool/table_keys.h"

#include "spool/meta_format.h"

namespace bw {
namespace {

using Family = SpoolStore::Family;

// The first name behind those of all entries.
std::string BehindKeys() {
  std::string name = kMetaTableKeyPrefix;
  ++name.back();
  return name;
}

std::string EntryOf(const TableKey& key) {
  return WrapMeta(TableKeyName(key.relation), EncodeTableKey(key));
}

}  // namespace

void TableKeys::Load() {
  const std::lock_guard lock(mutex_);
  keys_.clear();
  store_->Scan(Family::kMeta, kMetaTableKeyPrefix, BehindKeys(),
               [this](std::string_view name, std::string_view value) {
                 TableKey key = DecodeTableKey(name, UnwrapMeta(name, value));
                 keys_.insert_or_assign(key.relation, std::move(key));
                 return true;
               });
}

std::optional<TableKey> TableKeys::Find(uint32_t relation) const {
  const std::lock_guard lock(mutex_);
  const auto found = keys_.find(relation);
  if (found == keys_.end()) return std::nullopt;
  return found->second;
}

void TableKeys::Note(const std::vector<TableKey>& keys) {
  const std::lock_guard lock(mutex_);
  rocksdb::WriteBatch batch;
  for (const TableKey& key : keys) {
    if (keys_.contains(key.relation)) continue;
    store_->Put(&batch, Family::kMeta, TableKeyName(key.relation), EntryOf(key));
  }
  if (batch.Count() == 0) return;
  store_->Write(&batch, /*sync=*/true);
  for (const TableKey& key : keys) keys_.try_emplace(key.relation, key);
}

std::optional<std::string> TableKeys::Set(const TableKey& key) {
  const std::lock_guard lock(mutex_);
  const auto [known, is_new] = keys_.try_emplace(key.relation, key);
  if (!is_new && known->second == key) return std::nullopt;
  known->second = key;
  return EntryOf(key);
}

void TableKeys::ClearIn(rocksdb::WriteBatch* batch) {
  store_->DeleteRange(batch, Family::kMeta, kMetaTableKeyPrefix, BehindKeys());
}

}  // namespace bw
