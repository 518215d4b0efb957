// The notes of the Ledger: remedies, tables to be re-read, keys, types, topics and schema ids.

#include <rocksdb/write_batch.h>

#include <algorithm>

#include "base/bytes.h"
#include "spool/ledger.h"
#include "spool/meta_format.h"
#include "spool/spool_store.h"

namespace bw {
namespace {

std::string ClaimPrefix(const std::string& checkpoint_topic) {
  return kMetaClaimPrefix + checkpoint_topic + "/";
}
std::string HeldName(const TableName& table) { return kMetaHeldPrefix + EncodeTableName(table); }

}  // namespace

// --- Remedies ----------------------------------------------------------------------------------

std::vector<std::string> Ledger::remedies() const {
  const std::lock_guard lock(mutex_);
  return state_.remedies;
}

void Ledger::NoteRemedy(const std::string& remedy) {
  const std::lock_guard change_lock(change_mutex_);
  std::vector<std::string> noted = remedies();
  if (std::ranges::count(noted, remedy) != 0) return;
  noted.push_back(remedy);
  Write(kMetaRemedies, EncodeRemedies(noted), /*sync=*/true);
  const std::lock_guard lock(mutex_);
  state_.remedies = std::move(noted);
}

void Ledger::ForgetRemedies(const std::vector<std::string>& said) {
  const std::lock_guard change_lock(change_mutex_);
  std::vector<std::string> left = remedies();
  if (std::erase_if(left, [&](const std::string& remedy) {
        return std::ranges::count(said, remedy) != 0;
      }) == 0) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    state_.remedies = left;
  }
  WriteHint("end of remedies",
            [&](rocksdb::WriteBatch* batch) { Put(batch, kMetaRemedies, EncodeRemedies(left)); });
}

// --- Tables to be read again -------------------------------------------------------------------

void Ledger::NoteRereads(const std::vector<TableName>& tables, const std::string& reason) {
  const std::lock_guard change_lock(change_mutex_);
  std::vector<Reread> fresh;
  {
    const std::lock_guard lock(mutex_);
    for (const TableName& table : tables) {
      const bool is_noted = std::ranges::any_of(notes_.rereads, [&](const Reread& note) {
        return note.table == table && note.number > begun_;
      });
      if (!is_noted) fresh.push_back({table, reason, ++newest_number_});
    }
  }
  if (fresh.empty()) return;
  rocksdb::WriteBatch batch;
  for (const Reread& note : fresh) {
    Put(&batch, RereadKey(note.number), EncodeReread(note));
  }
  store_->Write(&batch, /*sync=*/true);
  const std::lock_guard lock(mutex_);
  notes_.rereads.insert(notes_.rereads.end(), fresh.begin(), fresh.end());
}

// A note that is being written now counts as made before, so this waits for it.
void Ledger::BeginReread() {
  const std::lock_guard change_lock(change_mutex_);
  const std::lock_guard lock(mutex_);
  begun_ = newest_number_;
}

std::vector<Reread> Ledger::rereads() const {
  const std::lock_guard lock(mutex_);
  return notes_.rereads;
}

void Ledger::ForgetReread(const Reread& note) {
  const std::lock_guard change_lock(change_mutex_);
  if (std::ranges::count(rereads(), note) == 0) return;
  Erase(RereadKey(note.number));
  const std::lock_guard lock(mutex_);
  std::erase(notes_.rereads, note);
}

std::optional<std::vector<uint32_t>> Ledger::accounted_members() const {
  const auto body = Get(kMetaMembers);
  if (!body) return std::nullopt;
  return DecodeMembers(*body);
}

void Ledger::SetAccountedMembers(const std::vector<uint32_t>& members) {
  Write(kMetaMembers, EncodeMembers(members), /*sync=*/true);
}

// --- Keys of tables ----------------------------------------------------------------------------

std::optional<TableKey> Ledger::FindTableKey(uint32_t relation) const {
  const std::lock_guard lock(mutex_);
  const auto found = notes_.table_keys.find(relation);
  if (found == notes_.table_keys.end()) return std::nullopt;
  return found->second;
}

void Ledger::NoteTableKeys(const std::vector<TableKey>& keys) {
  const std::lock_guard change_lock(change_mutex_);
  rocksdb::WriteBatch batch;
  for (const TableKey& key : keys) {
    if (FindTableKey(key.relation)) continue;
    Put(&batch, TableKeyName(key.relation), EncodeTableKey(key));
  }
  if (batch.Count() == 0) return;
  store_->Write(&batch, /*sync=*/true);
  const std::lock_guard lock(mutex_);
  for (const TableKey& key : keys) notes_.table_keys.try_emplace(key.relation, key);
}

// Waits for a NoteTableKeys that is under way: its entry must not reach the disk after this newer
// one, or memory would have the newer and a later process the older one.
void Ledger::PutTableKey(const TableKey& key, rocksdb::WriteBatch* batch) {
  const std::lock_guard change_lock(change_mutex_);
  const std::lock_guard lock(mutex_);
  const auto [known, is_new] = notes_.table_keys.try_emplace(key.relation, key);
  if (!is_new && known->second == key) return;
  known->second = key;
  Put(batch, TableKeyName(key.relation), EncodeTableKey(key));
}

// --- Types -------------------------------------------------------------------------------------

std::optional<TypeNote> Ledger::FindType(uint32_t oid) const {
  const std::lock_guard lock(mutex_);
  const auto found = notes_.types.find(oid);
  if (found == notes_.types.end()) return std::nullopt;
  return found->second;
}

void Ledger::PutType(const TypeNote& type, rocksdb::WriteBatch* batch) {
  const std::lock_guard change_lock(change_mutex_);
  const std::lock_guard lock(mutex_);
  const auto [known, is_new] = notes_.types.try_emplace(type.oid, type);
  if (!is_new && known->second == type) return;
  known->second = type;
  Put(batch, TypeNoteName(type.oid), EncodeTypeNote(type));
}

// --- Topics and schema ids ---------------------------------------------------------------------

TopicClaimNotes Ledger::topic_claims(const std::string& checkpoint_topic) const {
  TopicClaimNotes notes;
  notes.checkpoint_topic = checkpoint_topic;
  const std::string prefix = ClaimPrefix(checkpoint_topic);
  Scan(prefix, [&](std::string_view name, std::string_view body) {
    notes.tables.emplace(name.substr(prefix.size()), DecodeTableName(body));
  });
  if (const auto body = Get(kMetaClaimsReadPrefix + checkpoint_topic)) {
    ByteReader reader(*body, "spool claims entry");
    notes.read_through = static_cast<int64_t>(reader.ReadU64());
    reader.ExpectEnd();
  }
  return notes;
}

bool Ledger::NoteTopicClaims(const TopicClaimNotes& fresh) {
  return WriteHint("topics' tables", [&](rocksdb::WriteBatch* batch) {
    for (const auto& [topic, table] : fresh.tables) {
      Put(batch, ClaimPrefix(fresh.checkpoint_topic) + topic, EncodeTableName(table));
    }
    std::string through;
    AppendU64(&through, static_cast<uint64_t>(fresh.read_through));
    Put(batch, kMetaClaimsReadPrefix + fresh.checkpoint_topic, through);
  });
}

std::vector<TableName> Ledger::held_tables() const {
  std::vector<TableName> tables;
  Scan(kMetaHeldPrefix,
       [&](std::string_view, std::string_view body) { tables.push_back(DecodeTableName(body)); });
  return tables;
}

void Ledger::NoteHeld(const TableName& table) {
  const std::string name = HeldName(table);
  if (!Get(name)) Write(name, EncodeTableName(table), /*sync=*/true);
}

void Ledger::ForgetHeld(const TableName& table) { Erase(HeldName(table)); }

std::map<std::string, int32_t> Ledger::RegistryIds() const {
  const auto body = Get(kMetaRegistryIds);
  return body ? DecodeRegistryIds(*body) : std::map<std::string, int32_t>();
}

void Ledger::NoteRegistryIds(const std::map<std::string, int32_t>& ids) {
  Write(kMetaRegistryIds, EncodeRegistryIds(ids), /*sync=*/true);
}

}  // namespace bw
