#pragma once

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "spool/spool_state.h"
#include "spool/spool_store.h"

namespace bw {

// The tables whose topics may lack changes, as Spool::NoteReread describes. Each note is a meta
// entry of its own, under a number that no other note of this process gets: settling one can then
// never delete a note of the same table that was made later. Thread-safe.
class RereadNotes {
 public:
  explicit RereadNotes(SpoolStore* store) : store_(store) {}

  // Reads what is durable, which may be more than was left by SettleIn.
  void Load();
  // Those of the tables that have no note yet, or only one from before BeginReread, get one. Synced.
  void Note(const std::vector<TableName>& tables, const std::string& reason);
  // The notes there are now are those that the next SettleIn settles.
  void BeginReread();
  // The keys of the tables' notes that BeginReread has seen; their entries are to be deleted with
  // the end of the snapshot. Forgotten here at once: nobody acts on it before it is durable.
  std::vector<std::string> Settle(const std::vector<TableName>& tables);
  // Removes this note, if it is still there. Synced.
  void Forget(const Reread& note);
  std::vector<Reread> all() const;

  // Adds to a batch that all notes go.
  void ClearIn(rocksdb::WriteBatch* batch);

 private:
  SpoolStore* const store_;
  mutable std::mutex mutex_;    // Protects what follows, also while it is written.
  std::vector<Reread> notes_;   // By number.
  uint64_t newest_number_ = 0;  // Never moves back while the process lives.
  uint64_t begun_ = 0;          // What BeginReread has seen.
};

}  // namespace bw
