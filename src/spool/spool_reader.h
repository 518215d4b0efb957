#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "spool/change.h"
#include "spool/record_format.h"
#include "spool/spool_options.h"
#include "spool/spool_state.h"

namespace bw {

class SpoolStore;
class StoreCursor;

// What a spool knows besides its changes, at one moment.
struct SpoolPicture {
  SpoolState state;
  std::vector<SnapshotMark> snapshots;  // As Ledger::snapshots().
  std::vector<Reread> rereads;
  std::vector<TableName> held;
  bool expects_pair = false;  // Ledger::accounted_members() are known.
};

// One entry among the changes. The views live until the next one is read.
struct SpoolRecord {
  Position position;
  Record record;
  size_t bytes = 0;  // Of key and value.
};

// Walks over records in replay order; each is checked. Belongs to one thread, and to its reader.
class SpoolRecords {
 public:
  ~SpoolRecords();
  SpoolRecords(SpoolRecords&&) noexcept;

  // Nullptr after the last one. Throws as DecodeRecord, and a transient Error when the spool cannot
  // be read.
  const SpoolRecord* Next();
  // Records after the last one that was returned were trimmed before they could be read.
  bool missed() const { return missed_; }

 private:
  friend class SpoolReader;
  SpoolRecords(SpoolStore* store, const Position& after, const Position& through,
               const Position& trimmed);
  void LookAtHead();

  SpoolStore* const store_;
  std::unique_ptr<StoreCursor> cursor_;
  uint64_t times_opened_;
  Position trimmed_;
  Position last_;
  bool missed_ = false;
  SpoolRecord record_;
};

// Reads a spool and changes nothing: no file is written, created or locked, so it also works on a
// copy that one may only read, and a relay that starts or runs does not notice it. Beside a relay
// it shows what was there when this object was made; what the relay trims meanwhile is left out.
// The newest transaction may be seen a moment before it is synced. Not thread-safe.
class SpoolReader {
 public:
  // Only directory and env of the options are used. Throws Halt kSpoolUnusable when there is no
  // spool, or when it is empty, corrupt or of a newer version.
  explicit SpoolReader(const SpoolOptions& options);
  ~SpoolReader();
  SpoolReader(const SpoolReader&) = delete;
  SpoolReader& operator=(const SpoolReader&) = delete;

  const SpoolPicture& picture() const { return picture_; }
  // The records in (after, through]. Those up to picture().state.trimmed are never returned, and
  // `through` is at most `captured`.
  SpoolRecords Read(const Position& after, const Position& through);
  // The commit LSN of the oldest transaction that is retained as a whole; one above the newest
  // captured one's when there is none.
  Lsn OldestTransaction();
  // The reference stays valid. Throws Halt kSpoolUnusable when it is not there.
  const TableSchema& Schema(SchemaId id);
  // Whether the spool knows topics that this checkpoint topic has claimed.
  bool HasClaims(const std::string& checkpoint_topic);
  uint64_t bytes_on_disk() const;

 private:
  void Look();

  const SpoolOptions options_;
  const std::unique_ptr<SpoolStore> store_;
  SpoolPicture picture_;
  std::map<SchemaId, TableSchema> schemas_;  // Those asked for.
};

// Up to where changes may be gone, as the store has it now; `store` was opened for reading.
Position ReadTrimmed(SpoolStore* store);
// Opens the store of a spool for reading, for SpoolReader and VerifySpool.
std::unique_ptr<SpoolStore> OpenStoreForReading(const SpoolOptions& options);

}  // namespace bw
