#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/lsn.h"

namespace bw {

// What happened to the row; the letter is the `op` header of the Kafka message.
enum class Operation : char {
  kSnapshot = 'r',
  kInsert = 'c',
  kUpdate = 'u',
  kDelete = 'd',
  // A row that could not be encoded, on its way to the dead-letter topic. Its Change has a key if
  // that could be encoded, and a RefusedRow as value; never an old key.
  kRefused = 'x',
  // A TRUNCATE (--on-truncate=tombstones), whose value is the SchemaId of each of its tables, 4
  // bytes, big-endian; schema_id is the first. Its letter is the `op` of its tombstones.
  kTruncate = 't',
};

// The spool's own number for a TableSchema, without meaning outside this spool.
struct SchemaId {
  uint32_t value = 0;
  friend constexpr auto operator<=>(SchemaId, SchemaId) = default;
};

// The form of a table's rows at one time. Never changed once written: when the table is altered, it
// gets a new TableSchema with a new id.
struct TableSchema {
  std::string schema;                   // As PostgreSQL names it: "public".
  std::string table;                    // As PostgreSQL names it.
  std::optional<std::string> key_json;  // Avro schema; absent for tables without a key.
  std::string value_json;               // Avro schema.
  friend bool operator==(const TableSchema&, const TableSchema&) = default;
};

// One row change as the spool keeps it. The views point into memory of the Change's maker.
struct Change {
  Position position;
  Operation operation = Operation::kInsert;
  SchemaId schema_id;
  uint32_t xid = 0;            // 0 for snapshot rows.
  int64_t commit_time_us = 0;  // Since 1970-01-01 UTC; of the snapshot for snapshot rows.
  // Avro bodies, without the registry's 5-byte header.
  std::optional<std::string_view> old_key;  // An update's former key: its tombstone goes first.
  std::optional<std::string_view> key;      // Absent for tables without a key.
  std::optional<std::string_view> value;    // Absent for a delete.
  // The schema of old_key where it is another than schema_id's: the keys have different forms.
  std::optional<SchemaId> old_key_schema_id;
  // The fields of `value`, comma-separated, that have a marker for an unchanged TOASTed value.
  std::optional<std::string_view> unavailable;
  // Those that have such a value as it was when it was read again, later than this change.
  std::optional<std::string_view> refetched;

  SchemaId old_key_schema() const { return old_key_schema_id.value_or(schema_id); }
};

// The value of a kRefused Change := operation: 1 byte | details
struct RefusedRow {
  Operation operation = Operation::kInsert;  // What happened to the row.
  std::string_view details;                  // JSON object: capture/refused_row.h.
};

// Of a value that is not empty, which the reader of records has checked.
inline RefusedRow RefusedRowOf(const Change& change) {
  const std::string_view value = change.value.value();
  return {static_cast<Operation>(value.front()), value.substr(1)};
}

// What happened to the row, also if it was refused.
inline Operation RowOperation(const Change& change) {
  return change.operation == Operation::kRefused ? RefusedRowOf(change).operation
                                                 : change.operation;
}

// Of a kTruncate Change.
std::vector<SchemaId> TruncatedTables(const Change& change);

// Where a transaction ended in the WAL, and its identity: no two transactions agree in all of it,
// even if they are of different histories of a database.
struct TransactionEnd {
  Lsn commit_lsn;
  Lsn end_lsn;
  uint32_t xid = 0;            // This and the next two are 0 for a snapshot's rows.
  int64_t commit_time_us = 0;  // As in Change.
  // A checksum of the names of the publications that it was sent by.
  uint32_t publications = 0;
  friend constexpr auto operator<=>(const TransactionEnd&, const TransactionEnd&) = default;
};

}  // namespace bw
