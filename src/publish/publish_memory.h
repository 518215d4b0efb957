#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "base/random_id.h"
#include "publish/schema_id_cache.h"
#include "spool/spool_state.h"

namespace bw {

// What publishing has done since the process started.
struct PublishFigures {
  uint64_t sessions = 0;      // Producers' lives begun.
  uint64_t transactions = 0;  // Committed in Kafka, those with a checkpoint alone included.
  uint64_t changes = 0;       // Of the spool, in committed transactions.
  uint64_t messages = 0;      // In committed transactions, without checkpoints.
  uint64_t bytes = 0;         // Keys, values and headers of those messages.
  uint64_t split_transactions =
      0;                      // Kafka transactions that ended within a PostgreSQL transaction.
  uint64_t rows_refused = 0;  // Left out by --on-error=log.
  uint64_t torn_skipped = 0;  // Messages that a torn transaction had published already.
  Progress published;         // Committed in Kafka.
  Position read_back;         // Seen by a read_committed reader; the spool is trimmed by it.
  bool in_session = false;    // Connected and past the start-up of a session.
};

// What publishing knows that outlives a session. What the mutex guards is shared with other
// threads; all else belongs to the publish thread.
struct PublishMemory {
  explicit PublishMemory(SchemaRegistry* registry) : schema_ids(registry) {}

  // A message that the brokers refused though their topic seemed to allow it.
  struct RefusedSize {
    size_t bytes = 0;
    size_t limit = 0;  // The topic's limit as it was known then: forgotten when that changes.
  };

  // New at each start of the process: tells our checkpoints from another relay's.
  const std::string instance = RandomId();
  SchemaIdCache schema_ids;
  std::map<std::string, RefusedSize> refused_sizes;  // By topic.
  bool has_said_unknown_limit = false;
  bool has_said_collisions = false;  // Of the tables of snapshots.
  // Of the producer's batches: at most the smallest max.message.bytes met.
  size_t batch_bytes_max = 1'000'000;
  // A checkpoint of this instance is in Kafka: any newer one of another instance is a rival's.
  bool has_committed = false;
  // Sessions in a row in which a committed checkpoint did not appear.
  int read_backs_overdue = 0;

  std::mutex mutex;
  PublishFigures figures;  // Guarded by mutex.
};

}  // namespace bw
