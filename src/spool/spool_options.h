#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/byte_size.h"
#include "base/clock.h"

namespace rocksdb {
class Env;
}

namespace bw {

struct SpoolOptions {
  // --spool
  std::string directory = "./bottledwater.spool";
  // --spool-max-bytes: capture pauses while the spool's files hold more. 0: only the disk limits
  // it.
  uint64_t max_bytes = 0;
  // --toast-cache-max-bytes: beyond it the oldest out-of-line values are forgotten; at most a
  // quarter of max_bytes counts. 0: none are kept.
  uint64_t toast_cache_max_bytes = 10 * kGiB;
  // Capture pauses while the file system has less free space, so that trimming has room to write.
  uint64_t min_free_bytes = 64 * kMiB;
  // --transaction-metadata: a transaction's end says how many changes it has, by schema.
  bool tally_transactions = false;
  // Changes waiting for the writer thread; beyond this, callers of Append() wait.
  uint64_t pending_bytes_max = 8 * kMiB;
  // An unfinished transaction is written in pieces of this size; less than pending_bytes_max.
  uint64_t chunk_bytes = kMiB;
  // Of one memtable; at most three exist.
  uint64_t memtable_bytes = 16 * kMiB;
  // The file system under RocksDB; nullptr for the real one. The simulation passes its own, and
  // then directory checks and locking are the caller's, ...
  rocksdb::Env* env = nullptr;
  // ... and the free space in it; empty for the real one.
  std::function<uint64_t()> free_bytes;
  // Time, waits and the writer's thread; the simulation passes its own.
  Clock* clock = &Clock::Real();
};

// Throws a usage Error that begins with the option that is wrong.
void CheckSpoolOptions(const SpoolOptions& options);

}  // namespace bw
