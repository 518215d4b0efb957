#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/lsn.h"
#include "spool/spool_options.h"

namespace rocksdb {
class WriteBatch;
}

namespace bw {

class SpoolStore;
class SpoolWriter;

// A value as it was sent, in PostgreSQL's text format and the database's encoding.
struct ToastValue {
  Position position;  // Of the change that sent it.
  std::string text;
};

// A row, by its table and its key.
struct ToastRow {
  uint32_t relation = 0;
  uint32_t key_form = 0;  // Of which columns the key consists. A table has entries of one form.
  std::string_view key;   // As ToastPlan::KeyOf.
};

// What was known of a table when it was looked at, so that a later look can tell that its values
// did not change unsent meanwhile. capture/toast_proof.h says why.
struct ToastProof {
  struct Column {
    std::string signature;
    Lsn since;  // It was so at this LSN and at the latest look.
    friend bool operator==(const Column&, const Column&) = default;
  };
  std::string table;  // A signature, too.
  std::map<std::string, Column> columns;
  friend bool operator==(const ToastProof&, const ToastProof&) = default;
};

// The newest value of each column that may be out of line, per row, for updates that leave it
// untouched: PostgreSQL does not send it then. Durable, in the spool's column family `toast`
// (docs/spool_format.md).
//
// Rules:
// - What the store has is always as of `captured`. The changes of a transaction that is being
//   received stay in memory until the batch that makes it captured, and are written in that very
//   batch. So after a crash nothing must be undone.
// - A transaction with more than fits in memory (kUncommittedBytesMax) spills into generations of
//   its own, above the committed ones. The batch that makes it captured also says that they count;
//   without it they are deleted (DropUncommitted).
// - A generation is a range of keys. Look-ups go from the newest to the oldest, and the first entry
//   counts. When the newest has a quarter of the limit a new one begins; when all have more than
//   the limit the oldest is dropped as a whole, which cannot bring back an older value.
// - An entry that is absent says nothing. Dropping any is always safe but for the space it frees.
//
// Thread rule: everything belongs to the thread that captures, as ChangeLog::Append does, except
// where it says otherwise.
class ToastCache {
 public:
  ToastCache(const SpoolOptions& options, SpoolStore* store);

  bool enabled() const { return limit_bytes_ > 0; }
  // The form of the keys of the table's entries; nothing when it has none.
  std::optional<uint32_t> EntriesOf(uint32_t relation) const;
  std::optional<ToastValue> Find(const ToastRow& row, std::string_view column);
  // Replaces the entry. A value too large to be kept removes it.
  void Put(const ToastRow& row, std::string_view column, ToastValue value);
  void Erase(const ToastRow& row, std::string_view column);
  void EraseRelation(uint32_t relation);
  // Changes were left out that nobody has seen: every entry may be outdated.
  void EraseAll();
  // What follows comes from these publications. If it was others before, changes may have passed
  // that they left out: erases all. Before the first change of a session.
  void RequireSource(std::vector<std::string> publications);

  // Proofs are true whatever becomes of the changes around them, on the timeline of the server.
  const ToastProof* FindProof(uint32_t relation) const;
  void NoteProof(uint32_t relation, const ToastProof& proof);
  // The server has another timeline since this LSN at the earliest: what was seen above it may be
  // of the one that was left. Synced. While nothing is captured.
  void ForgetProofsAfter(Lsn lsn);

  // --- For the change log ---------------------------------------------------------------------

  void Attach(SpoolWriter* writer) { writer_ = writer; }
  // Reads what is durable, and forgets the rest.
  void Load();
  // Deletes what was spilled by a transaction that did not become captured. The writer is
  // suspended. Synced.
  void DropUncommitted();
  // Deletes everything, in a batch that begins the spool anew; then Load().
  void PutNew(rocksdb::WriteBatch* batch) const;
  // Adds what the ended transactions have changed to the batch that makes them captured. Then
  // Flushed() with that batch's number.
  void PutPending(rocksdb::WriteBatch* batch);
  void Flushed(uint64_t batch_number);
  // Space is short: drops the oldest generation and frees its files. False when there is none.
  // Thread-safe. Never throws.
  bool GiveRoom();

 private:
  static constexpr uint64_t kUncommitted = ~uint64_t{0};
  // What is not yet in the store, or is on its way: nothing stands for an entry that was removed.
  struct Recent {
    uint64_t batch = kUncommitted;
    std::optional<ToastValue> value;
  };
  // Entries of generations below `below` no longer count, although the store may still have them.
  struct Erased {
    uint32_t below = 0;
    uint64_t batch = kUncommitted;
  };

  void Set(std::string cell, std::optional<ToastValue> value);
  bool IsKnownAbsent(const std::string& cell) const;
  // The generation from which on the store's entries of the relation count.
  uint32_t FirstCounting(uint32_t relation) const;
  uint32_t NextErasedBelow();
  void Spill();
  void PutEntries(rocksdb::WriteBatch* batch, bool commits);
  void PutErasures(rocksdb::WriteBatch* batch);
  void MarkFlushed(uint64_t batch_number);
  void ForgetWritten();
  void KeepWithinLimit();
  bool DropOldest(uint32_t last);
  void LoadRelations();
  std::optional<uint32_t> ReadNumber(std::string_view name);

  const uint64_t limit_bytes_;
  SpoolStore* const store_;
  SpoolWriter* writer_ = nullptr;

  std::unordered_map<uint32_t, uint32_t> relations_;  // With entries, perhaps: the keys' form.
  std::map<uint32_t, ToastProof> proofs_;
  std::unordered_map<std::string, Recent> recent_;  // By relation, key and column.
  std::vector<std::string> uncommitted_;            // Keys of those in recent_ that are.
  size_t uncommitted_bytes_ = 0;
  std::deque<std::pair<uint64_t, std::string>> flushed_;  // Batch, and key of recent_.
  std::map<uint32_t, Erased> erased_;                     // By relation.
  std::optional<Erased> all_erased_;
  std::string source_;            // Of what is kept.
  bool source_is_new_ = false;    // Not in the store yet.
  bool spilled_ = false;          // The transaction has generations of its own.
  bool rotate_ = false;           // The newest generation is full.
  uint64_t unchecked_bytes_ = 0;  // Written since the sizes were looked at.
  uint32_t committed_ = 1;        // The newest generation that counts, as the store has it.

  std::mutex drop_mutex_;  // One generation is dropped at a time.
  std::atomic<uint32_t> oldest_{1};
  std::atomic<uint32_t> newest_{1};
};

}  // namespace bw
