#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/lsn.h"

namespace bw {

// What `inspect` and `replay` take, on the command line only.
struct SpoolCommandOptions {
  Lsn from;             // --from-lsn: commit LSN, inclusive; invalid for the default.
  Lsn to = Lsn::Max();  // --to-lsn: commit LSN, inclusive.

  // inspect
  std::vector<std::string> tables;  // --table
  std::string key;                  // --key
  uint64_t limit = 0;               // --limit: 0 for none.
  bool all = false;                 // --all
  bool transactions = false;        // --transactions
  bool changes = false;             // --changes
  bool verify = false;              // --verify

  std::string to_topic_prefix;  // replay --to-topic-prefix
};

}  // namespace bw
