#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/latency_histogram.h"
#include "base/random_id.h"
#include "publish/schema_id_cache.h"
#include "publish/table_figures.h"
#include "spool/spool_state.h"

namespace bw {

// A table that is held (--on-error=hold).
struct HeldTable {
  TableName table;
  Position after;      // Through which its changes are published.
  std::string reason;  // Why the next one is refused; empty until it was tried, and beyond it.
};

// What publishing has done since the process started.
struct PublishFigures {
  uint64_t sessions = 0;            // Started successfully.
  uint64_t transactions = 0;        // Committed in Kafka, those with only a checkpoint included.
  uint64_t changes = 0;             // From the spool, in committed transactions.
  uint64_t messages = 0;            // In committed transactions, checkpoints not counted.
  uint64_t bytes = 0;               // Keys, values and headers of those messages.
  uint64_t split_transactions = 0;  // Kafka transactions that end within a PostgreSQL transaction.
  uint64_t rows_refused = 0;        // Left out by --on-error=log.
  uint64_t dead_letters = 0;        // Rows published to the dead-letter topic.
  uint64_t torn_skipped = 0;        // Messages that a torn transaction had already published.
  // Changes that held tables have left in the spool, and those of them published since; `changes`
  // counts each when it is published.
  uint64_t left_held = 0;
  uint64_t caught_up = 0;
  std::vector<HeldTable> held;  // Now.
  Progress published;           // Committed in Kafka.
  Position read_back;           // Received by a read_committed reader; the spool's trim point.
  bool in_session = false;      // A session has started and not yet ended.

  // A transaction that has these counts was committed.
  void AddCommitted(const PublishFigures& pending) {
    ++transactions;
    changes += pending.changes;
    messages += pending.messages;
    bytes += pending.bytes;
    split_transactions += pending.split_transactions;
    rows_refused += pending.rows_refused;
    dead_letters += pending.dead_letters;
    torn_skipped += pending.torn_skipped;
    left_held += pending.left_held;
    caught_up += pending.caught_up;
  }
  // How many changes the checkpoint has passed, those left by held tables included.
  uint64_t passed() const { return changes + left_held - caught_up; }
};

// State of publishing that outlives a session. Members guarded by the mutex are shared with other
// threads; all others belong to the publish thread.
struct PublishMemory {
  explicit PublishMemory(SchemaRegistry* registry) : schema_ids(registry) {}

  // The size of a message that the brokers refused although the topic's limit seemed to allow it.
  struct RefusedSize {
    size_t bytes = 0;
    size_t limit = 0;  // The topic's limit as known then; when it changes, this entry is dropped.
  };

  // New at each start of the process: distinguishes our checkpoints from another relay's.
  const std::string instance = RandomId();
  SchemaIdCache schema_ids;
  std::map<std::string, RefusedSize> refused_sizes;  // By topic.
  bool has_said_unknown_limit = false;
  std::optional<Position> said_position;  // From which a session publishes.
  bool has_said_collisions = false;       // Among the tables of snapshots.
  // Of the producer's batches: never above the smallest max.message.bytes seen so far.
  size_t batch_bytes_max = 1'000'000;
  // This instance has committed a checkpoint: a newer one of another instance is a rival's.
  bool has_committed = false;
  // Sessions in a row in which a committed checkpoint did not appear.
  int read_backs_overdue = 0;
  // Of the tables that are held, or about to be: why; nothing when that is not known yet.
  struct HeldReason {
    Position row;  // That is refused.
    std::string why;
    friend bool operator==(const HeldReason&, const HeldReason&) = default;
  };
  std::map<TableName, std::optional<HeldReason>> held_reasons;
  // An operator wants held tables to be tried again, as each session does first. Thread-safe.
  std::atomic<bool> resume_asked{false};

  std::mutex mutex;
  PublishFigures figures;        // Guarded by mutex.
  std::set<TableName> given_up;  // Likewise: an operator no longer wants what they were held for.

  // Thread-safe.
  TableFigures tables;
  LatencyHistogram commit_to_kafka;    // From a commit in PostgreSQL to that of its Kafka one.
  LatencyHistogram kafka_transaction;  // From begin to commit.
  LatencyHistogram registry_request;   // All that a batch asks of the registry.
};

}  // namespace bw
