#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "spool/change.h"

namespace bw {

// Where a spool's changes come from.
struct Source {
  std::string system_identifier;  // Of the PostgreSQL cluster, as IDENTIFY_SYSTEM gives it.
  std::string database;
  std::string slot;
  uint32_t timeline = 0;
  friend bool operator==(const Source&, const Source&) = default;
};

// How far something has come: the newest change and, for the slot, the end LSN after it. end_lsn
// may be ahead of position: WAL without changes for us also counts as done.
struct Progress {
  Position position;
  Lsn end_lsn;
  friend bool operator==(const Progress&, const Progress&) = default;
};

// What captured.end_lsn does not say.
struct CapturedHistory {
  // Where the WAL of the newest change ended; from there to captured.end_lsn there was no change
  // for us.
  Lsn changes_end;
  // The newest captured transaction with changes for us; its xid is 0 when there is none, or when
  // an older program version, which did not note it, has written the spool.
  TransactionEnd last;
  friend bool operator==(const CapturedHistory&, const CapturedHistory&) = default;
};

enum class SpoolPhase : uint8_t {
  kEmpty = 0,       // Just created: nothing was done in PostgreSQL.
  kFirstStart = 1,  // Slot and snapshot are being made. A crash here starts over.
  kStreaming = 2,   // `captured` is valid.
};
// "empty", "snapshot", "streaming".
constexpr const char* PhaseText(SpoolPhase phase) {
  switch (phase) {
    case SpoolPhase::kEmpty:
      return "empty";
    case SpoolPhase::kFirstStart:
      return "snapshot";
    case SpoolPhase::kStreaming:
      return "streaming";
  }
  return "unknown";
}

// As PostgreSQL names it.
struct TableName {
  std::string schema;
  std::string table;
  std::string qualified() const { return schema + "." + table; }
  friend auto operator<=>(const TableName&, const TableName&) = default;
};

// A snapshot among the changes: its rows have this commit LSN.
struct SnapshotMark {
  Lsn commit_lsn;
  // A re-snapshot: keys in these tables' topics that its rows lack get their tombstone before its
  // first row is published.
  bool purges = false;
  std::vector<TableName> tables;  // All that were read, including empty ones.
  friend bool operator==(const SnapshotMark&, const SnapshotMark&) = default;

  // The commit LSN of its tombstones. No transaction commits there, nor at the rows' commit LSN:
  // WAL records begin at multiples of 8, and so does the consistent point, one above the rows'.
  Lsn tombstones_lsn() const { return Lsn{commit_lsn.value - 1}; }
};

// A table whose topic may lack changes until the table is re-read.
struct Reread {
  TableName table;
  std::string reason;   // For people: what may be missing, and why.
  uint64_t number = 0;  // Notes are numbered as they are made.
  friend bool operator==(const Reread&, const Reread&) = default;
};

// The key columns of a table's messages, and the form of the table for which this is true.
struct TableKey {
  // A column as the stream describes it.
  struct Column {
    std::string name;
    uint32_t type_oid = 0;
    friend bool operator==(const Column&, const Column&) = default;
  };

  uint32_t relation = 0;  // The table's OID, which survives every ALTER TABLE.
  TableName table;
  std::vector<Column> columns;        // Those in the stream, in its order.
  std::vector<std::string> key;       // In the same order; empty for null keys.
  std::optional<std::string> schema;  // Avro schema of the key; none when it has no columns.
  // False for another replica identity (NOTHING, USING INDEX), which says nothing about the primary
  // key.
  bool is_primary = true;
  friend bool operator==(const TableKey&, const TableKey&) = default;
};

// What pg_type said of a type that is not built in, of which changes have values: as
// avro/column_type.h has it. The catalog has it no more once the type is dropped.
struct TypeNote {
  uint32_t oid = 0;
  uint32_t base_oid = 0;     // Of a domain.
  int32_t base_typmod = -1;  // Likewise.
  uint32_t element_oid = 0;  // Of an array.
  char delimiter = ',';
  std::vector<std::string> labels;  // Of an enum.
  friend bool operator==(const TypeNote&, const TypeNote&) = default;
};

// Which table has which topic, according to the records of a checkpoint topic. Kafka keeps these
// forever; the spool remembers them, so that a start need not read the whole topic.
struct TopicClaimNotes {
  std::string checkpoint_topic;
  std::map<std::string, TableName> tables;  // By topic.
  int64_t read_through = 0;  // Offset below which every committed record is accounted for.
};

// What the spool knows durably, besides the changes.
struct SpoolState {
  std::string lineage;  // 128 random bits in hex, new for each new spool.
  // The lineage of the checkpoint that this spool resumed from; empty for a first start. A
  // checkpoint of either lineage is ours.
  std::string predecessor;
  // Set for a spool that began with a re-snapshot: the lineages whose checkpoints its snapshot
  // supersedes, empty when there was no checkpoint. Keys that only the topics still have then get
  // tombstones.
  std::optional<std::vector<std::string>> supersedes;
  Source source;
  SpoolPhase phase = SpoolPhase::kEmpty;
  Progress captured;        // Durable in the spool.
  CapturedHistory history;  // Always that of `captured`.
  Progress published;       // A hint: never above Kafka's checkpoint.
  // Held tables (--on-error=hold) are published up to here only, and what they have left stays in
  // the spool; nothing when none is held. A hint, like `published`.
  std::optional<Position> held_after;
  Position trimmed;              // Changes up to here may be gone.
  std::string kafka_cluster_id;  // Empty until the first publish session.
  // What an operator has allowed and no checkpoint is known to record yet.
  std::vector<std::string> remedies;
};

}  // namespace bw
