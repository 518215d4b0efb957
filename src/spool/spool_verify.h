#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "spool/spool_options.h"

namespace bw {

// How much of a spool was read.
struct VerifiedSpool {
  uint64_t meta_entries = 0;
  uint64_t schemas = 0;
  uint64_t changes = 0;
  uint64_t transactions = 0;
  uint64_t uncaptured = 0;  // Records above `captured`, which do not count yet.
  uint64_t bytes = 0;       // Of all keys and values.
  uint64_t findings = 0;    // What is wrong.
};

// Reads every entry of a spool, as SpoolReader does: RocksDB's checksum of each block, ours of each
// entry, its grammar, and what docs/spool_format.md says must hold among them. Calls `found` with a
// sentence for each thing that is wrong, and goes on behind it. Memory does not grow with the
// spool. Throws a Halt when the spool cannot be opened at all, and a transient Error when it cannot
// be read.
VerifiedSpool VerifySpool(const SpoolOptions& options,
                          const std::function<void(const std::string& finding)>& found);

}  // namespace bw
