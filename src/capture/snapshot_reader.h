#pragma once

#include <string>
#include <vector>

#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "capture/replication_slot.h"
#include "spool/spool.h"

namespace bw {

// Reads all published tables into the spool, as they were at the slot's consistent point, on
// several connections that share the exported snapshot.
//
//   every reader: open a transaction, import the snapshot
//   list the tables inside of it; largest first:
//     lock the table against DDL, make sure that its storage is still the one the snapshot knows
//     COPY it out; encode each row; append in batches to the spool
//     release the lock
//
// Ends by an exception on the first failure of any reader. Everything it appended is above the
// spool's `captured`, so nobody sees it until the caller's EndSnapshot.
struct SnapshotSource {
  CreatedSlot slot;
  std::vector<std::string> publications;
  bool validate_utf8 = false;  // The database's encoding is SQL_ASCII.
};

// The number of rows. Throws; a stop request also ends it by a transient Error. `figures` counts.
uint64_t ReadSnapshot(const CaptureOptions& options, const SnapshotSource& source, Spool* spool,
                      CaptureFigures* figures, const Stop& stop);

}  // namespace bw
