#pragma once

#include <cstdint>
#include <string>

#include "base/lsn.h"

namespace bw {

// Whose changes a spool holds.
struct Source {
  std::string system_identifier;  // Of the PostgreSQL cluster, as IDENTIFY_SYSTEM gives it.
  std::string database;
  std::string slot;
  uint32_t timeline = 0;
  friend bool operator==(const Source&, const Source&) = default;
};

// How far something has come: the newest change and, for the slot, the end LSN behind it.
// end_lsn can be ahead of what position shows: WAL without changes for us also counts as done.
struct Progress {
  Position position;
  Lsn end_lsn;
  friend bool operator==(const Progress&, const Progress&) = default;
};

enum class SpoolPhase : uint8_t {
  kEmpty = 0,       // Just created: nothing was done in PostgreSQL for it.
  kFirstStart = 1,  // Slot and snapshot are being made. A crash here starts over.
  kStreaming = 2,   // `captured` is valid.
};

// What the spool knows durably, besides the changes.
struct SpoolState {
  std::string lineage;  // 128 random bits in hex, new for each new spool.
  // The lineage of the checkpoint that this spool goes on from; empty for a first start. A
  // checkpoint of either lineage is ours.
  std::string predecessor;
  Source source;
  SpoolPhase phase = SpoolPhase::kEmpty;
  Progress captured;             // Durable in the spool.
  Progress published;            // A hint: at most what Kafka's checkpoint says.
  Position trimmed;              // Changes up to here may be gone.
  std::string kafka_cluster_id;  // Empty until the first publish session.
};

}  // namespace bw
