#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "spool/change_log.h"
#include "spool/disk_room.h"
#include "spool/ledger.h"
#include "spool/scratch_set.h"
#include "spool/spool_options.h"
#include "spool/spool_state.h"

namespace bw {

class SpoolDirectory;
class SpoolStore;

// The durable middle, in two halves that share one store: the log of captured changes (ChangeLog),
// and the ledger of what is known besides them (Ledger). This class opens and owns both, and does
// what concerns both: beginning anew, and recovering from a failed write.
//
// Thread rule: each half states its own. The methods of this class belong to the capturing thread
// and to the start-up code that runs before it, except where they say otherwise.
class Spool {
 public:
  // Opens or creates. Throws Halt errors: kAnotherRelay when another process holds the lock,
  // kSpoolUnusable when the directory cannot be used or its content is corrupt (with the remedy).
  // `held` is for a caller that holds the directory already.
  static std::unique_ptr<Spool> Open(const SpoolOptions& options,
                                     std::shared_ptr<const SpoolDirectory> held = nullptr);
  // Whether there is a spool, without opening or creating one. Throws Halt kSpoolUnusable when that
  // cannot be seen, as for want of a right.
  static bool Exists(const SpoolOptions& options);

  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  ChangeLog& log() { return log_; }
  const ChangeLog& log() const { return log_; }
  Ledger& ledger() { return ledger_; }
  const Ledger& ledger() const { return ledger_; }

  // --- Beginning: called by the start-up code, before capture and publish run ------------------

  // Empties the spool and gives it a new lineage: phase kFirstStart for `source`. Synced. Written
  // before the slot is created, so that a crash finds the intent and starts over.
  // `supersedes` is set for a re-snapshot, as in SpoolState.
  void BeginFirstStart(const Source& source,
                       const std::optional<std::vector<std::string>>& supersedes = std::nullopt);
  // Phase kStreaming at `captured` with a new lineage, for a spool whose own changes are not (or no
  // longer) needed: one that was lost and resumes from the checkpoint, an older copy that jumps to
  // the checkpoint, or one that adopts a slot. `predecessor` is the checkpoint's lineage, empty
  // when there is none. A replay's scratch spool gets the `lineage` that names the replay, also
  // when it is repeated. Synced.
  void BeginStreamingAt(const Source& source, const Progress& captured,
                        const std::string& predecessor, const std::string& lineage = "");

  // --- Failed writes --------------------------------------------------------------------------

  // Whether a write has failed, whoever made it: the log's writer, the start-up code, or the
  // publisher with a hint. Nothing is written then until Recover() has succeeded. Thread-safe.
  bool failed() const;
  // Closes the store, reopens it and reads back what is durable; does nothing when no write has
  // failed. Throws a transient Error when the store cannot be opened yet, a Halt when it is
  // corrupt.
  void Recover();

  // --- The disk -------------------------------------------------------------------------------

  // Bytes of the store's files, counted at most a second ago. Thread-safe.
  uint64_t bytes_on_disk() { return room_.BytesOnDisk(); }
  // How much more fits until capture pauses. Thread-safe.
  uint64_t room_bytes() { return room_.RoomBytes(); }
  // As SpoolStore::WriteStalls. Thread-safe.
  uint64_t write_stalls();
  // An empty set on the spool's disk, for what does not fit into memory. One at a time; only the
  // publishing thread calls this. Throws a transient Error when the disk is too full.
  std::unique_ptr<ScratchSet> MakeScratch();

 private:
  Spool(const SpoolOptions& options, std::shared_ptr<const SpoolDirectory> held);
  std::string scratch_path() const;

  const SpoolOptions options_;
  const std::shared_ptr<const SpoolDirectory> directory_;  // None under a simulated file system.
  const std::unique_ptr<SpoolStore> store_;
  Ledger ledger_;
  DiskRoom room_;
  ChangeLog log_;  // Last: its thread uses everything above.
};

}  // namespace bw
