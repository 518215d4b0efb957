#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "avro/column_type.h"
#include "base/byte_size.h"
#include "base/clock.h"
#include "base/envelope.h"
#include "base/error.h"
#include "base/text_encoding.h"

namespace bw {

// Suffix of the publication of inserts, next to the one with the slot's name: publication_setup.h.
inline constexpr std::string_view kInsertsSuffix = "_inserts";

// --partitions: under whose name, key and columns the changes of a partition come.
enum class PartitionForm : uint8_t { kRoot, kLeaf };

// What a TRUNCATE of captured tables leads to (--on-truncate).
enum class OnTruncate {
  kLog,         // It is logged and counted; topics keep the rows that it removed.
  kTombstones,  // Every key that the topics hold then gets a tombstone.
  kHalt,        // The relay stops before its transaction.
};

// The options of the capture side.
struct CaptureOptions {
  // --postgres: a libpq connection string or URI, or just a database name. May hold a password, so
  // it is never printed. All our connections are made from it.
  std::string conninfo;
  // --slot: 1 to 63 of a-z, 0-9 and '_'; without --publication, it must leave room for the suffix
  // and must not end in it.
  std::string slot = "bottledwater";
  // --publication: an existing publication that is used as it is and never altered. Without it, one
  // with the slot's name is used, and created if necessary.
  std::optional<std::string> publication;
  // --allow-unkeyed: of tables without replica identity, only inserts are captured.
  bool allow_unkeyed = false;
  // --install-event-trigger: see event_trigger.h.
  bool install_event_trigger = false;
  // --tables, --exclude-tables: patterns of TableFilter. Changes of other tables are received from
  // PostgreSQL and dropped.
  std::vector<std::string> tables;
  std::vector<std::string> exclude_tables;
  PartitionForm partitions = PartitionForm::kRoot;
  // --skip-snapshot: a first start captures only what commits after the slot was created.
  bool skip_snapshot = false;
  // --max-wal-retained: how much unpublished WAL PostgreSQL retains for the slot while Kafka is
  // away; beyond that, only the spool has it. With 0, WAL is confirmed as soon as the spool has it.
  uint64_t max_wal_retained_bytes = 256 * kMiB;
  // --on-error: for a row that its Avro schema cannot hold.
  OnError on_error = OnError::kExit;
  // --on-truncate
  OnTruncate on_truncate = OnTruncate::kLog;
  // --invalid-text: for a text that cannot be converted to UTF-8.
  InvalidText invalid_text = InvalidText::kError;
  // --refetch: of unchanged TOASTed values that are found nowhere else, the row's of now is read.
  bool refetch = true;
  // --numeric, --arrays, --enums, --intervals, --time-precision: what these types become.
  TypeForms type_forms;
  // --schema-docs: value schemas have the comments of tables and columns.
  bool schema_docs = false;
  // --envelope: what the spool keeps as values. With kDebezium also --topic-prefix, which is a part
  // of its envelopes and of its schemas' names; the fields above are without effect then.
  Envelope envelope = Envelope::kNone;
  std::string envelope_prefix;
  // --snapshot-connections: how many read the snapshot. Each also needs a thread and memory for its
  // largest row.
  int snapshot_connections = 2;

  // For one connection attempt; a connect_timeout in the connection string takes precedence.
  Duration connect_timeout{10'000};
  // How often a status message is sent to the server at least. Must be shorter than
  // wal_sender_timeout (60 s by default).
  Duration status_interval{10'000};
  // The minimum time between two records of "WAL without changes for us" in the spool.
  Duration idle_advance_interval{3'000};
  // How long to wait for a slot that another process is using, before concluding that it is another
  // relay. A connection that was cut stays active until the server notices.
  Duration active_slot_wait{5'000};
};

// Whether PostgreSQL accepts it: 1 to 63 of a-z, 0-9 and '_'.
bool IsValidSlotName(std::string_view name);

// Throws a usage Error that begins with the option that is wrong.
void CheckCaptureOptions(const CaptureOptions& options);

}  // namespace bw
