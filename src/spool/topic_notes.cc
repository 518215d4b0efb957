#include "spool/topic_notes.h"

#include <rocksdb/write_batch.h>
#include <spdlog/spdlog.h>

#include "base/bytes.h"
#include "base/error.h"
#include "spool/meta_format.h"

namespace bw {
namespace {

using Family = SpoolStore::Family;

std::string ClaimKeysOf(const std::string& checkpoint_topic) {
  return kMetaClaimPrefix + checkpoint_topic + "/";
}
std::string ReadThroughKey(const std::string& checkpoint_topic) {
  return kMetaClaimsReadPrefix + checkpoint_topic;
}
std::string HeldKey(const TableName& table) { return kMetaHeldPrefix + EncodeTableName(table); }

// The first key behind those that begin so.
std::string Behind(std::string prefix) {
  ++prefix.back();
  return prefix;
}

}  // namespace

TopicClaimNotes TopicNotes::Claims(const std::string& checkpoint_topic) {
  TopicClaimNotes notes;
  notes.checkpoint_topic = checkpoint_topic;
  const std::string begin = ClaimKeysOf(checkpoint_topic);
  store_->Scan(Family::kMeta, begin, Behind(begin),
               [&](std::string_view key, std::string_view value) {
                 notes.tables.emplace(key.substr(begin.size()),
                                      DecodeTableName(UnwrapMeta(key, value)));
                 return true;
               });
  const std::string key = ReadThroughKey(checkpoint_topic);
  if (const auto value = store_->Get(Family::kMeta, key)) {
    ByteReader reader(UnwrapMeta(key, *value), "spool claims entry");
    notes.read_through = static_cast<int64_t>(reader.ReadU64());
    reader.ExpectEnd();
  }
  return notes;
}

bool TopicNotes::NoteClaims(const TopicClaimNotes& fresh) {
  rocksdb::WriteBatch batch;
  for (const auto& [topic, table] : fresh.tables) {
    const std::string key = ClaimKeysOf(fresh.checkpoint_topic) + topic;
    store_->Put(&batch, Family::kMeta, key, WrapMeta(key, EncodeTableName(table)));
  }
  std::string through;
  AppendU64(&through, static_cast<uint64_t>(fresh.read_through));
  const std::string key = ReadThroughKey(fresh.checkpoint_topic);
  store_->Put(&batch, Family::kMeta, key, WrapMeta(key, through));
  try {
    store_->Write(&batch, /*sync=*/false);
  } catch (const Error& error) {
    spdlog::debug("topics' tables not noted: {}", error.what());
    return false;
  }
  return true;
}

std::vector<TableName> TopicNotes::Held() {
  std::vector<TableName> tables;
  store_->Scan(Family::kMeta, kMetaHeldPrefix, Behind(kMetaHeldPrefix),
               [&](std::string_view key, std::string_view value) {
                 tables.push_back(DecodeTableName(UnwrapMeta(key, value)));
                 return true;
               });
  return tables;
}

void TopicNotes::NoteHeld(const TableName& table) {
  const std::string key = HeldKey(table);
  if (store_->Get(Family::kMeta, key)) return;
  rocksdb::WriteBatch batch;
  store_->Put(&batch, Family::kMeta, key, WrapMeta(key, EncodeTableName(table)));
  store_->Write(&batch, /*sync=*/true);
}

void TopicNotes::ForgetHeld(const TableName& table) {
  rocksdb::WriteBatch batch;
  store_->Delete(&batch, Family::kMeta, HeldKey(table));
  store_->Write(&batch, /*sync=*/true);
}

}  // namespace bw
