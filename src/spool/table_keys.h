#pragma once

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "spool/spool_state.h"
#include "spool/spool_store.h"

namespace bw {

// The keys of tables as Spool::NoteTableKeys describes them; each is a meta entry. Thread-safe.
class TableKeys {
 public:
  explicit TableKeys(SpoolStore* store) : store_(store) {}

  // Reads what is durable, and forgets what is not.
  void Load();
  std::optional<TableKey> Find(uint32_t relation) const;
  // Those of tables that have none yet. Synced.
  void Note(const std::vector<TableKey>& keys);
  // Remembers it at once, and returns the value of its entry, which the caller brings to the disk.
  // Nothing when it is known already.
  std::optional<std::string> Set(const TableKey& key);

  // Adds to a batch that all entries go.
  void ClearIn(rocksdb::WriteBatch* batch);

 private:
  SpoolStore* const store_;
  mutable std::mutex mutex_;           // Protects keys_, also while it is written.
  std::map<uint32_t, TableKey> keys_;  // By the tables' OIDs.
};

}  // namespace bw
