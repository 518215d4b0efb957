#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_size.h"
#include "base/clock.h"
#include "base/invalid_text.h"
#include "base/on_error.h"

namespace bw {

// Of the publication of inserts beside the one with the slot's name: publication_setup.h.
inline constexpr std::string_view kInsertsSuffix = "_inserts";

// Everything that the capture side can be told.
struct CaptureOptions {
  // --postgres: a libpq connection string or URI, or just a database name. May hold a password, so
  // it is never printed. Every connection of ours is made from it.
  std::string conninfo;
  // --slot: 1 to 63 of a-z, 0-9 and '_'; without --publication with room for the suffix, and not
  // ending in it.
  std::string slot = "bottledwater";
  // --publication: an existing publication that is used as it is and never altered. Without it, one
  // with the slot's name is used, and created when there is none.
  std::optional<std::string> publication;
  // --allow-unkeyed: tables without replica identity are captured by their inserts alone.
  bool allow_unkeyed = false;
  // --install-event-trigger: see event_trigger.h.
  bool install_event_trigger = false;
  // --tables, --exclude-tables: patterns of TableFilter. What they leave out is received from
  // PostgreSQL and dropped.
  std::vector<std::string> tables;
  std::vector<std::string> exclude_tables;
  // --skip-snapshot: a first start captures only what commits after the slot was created.
  bool skip_snapshot = false;
  // --max-wal-retained: how much unpublished WAL the slot may hold back in PostgreSQL while Kafka
  // is away, before the spool alone keeps it. 0 confirms as soon as the spool has it.
  uint64_t max_wal_retained_bytes = 256 * kMiB;
  // --on-error: for a row that its Avro schema cannot hold.
  OnError on_error = OnError::kExit;
  // --invalid-text: for a text that has no UTF-8.
  InvalidText invalid_text = InvalidText::kError;
  // --snapshot-connections: that read the snapshot. Each also takes a thread and up to one row of
  // memory.
  int snapshot_connections = 2;

  // One attempt to connect; a connect_timeout in the connection string wins.
  Duration connect_timeout{10'000};
  // Status messages to the server when nothing else causes one. wal_sender_timeout (60 s by
  // default) must be longer.
  Duration status_interval{10'000};
  // The least time between two records of "WAL without changes for us" in the spool.
  Duration idle_advance_interval{3'000};
  // How long a slot that is active for another process is waited for before it counts as another
  // relay. A connection that was cut stays active until the server notices.
  Duration active_slot_wait{5'000};
};

// Whether PostgreSQL takes it: 1 to 63 of a-z, 0-9 and '_'.
bool IsValidSlotName(std::string_view name);

// Throws a usage Error that begins with the option that is wrong.
void CheckCaptureOptions(const CaptureOptions& options);

}  // namespace bw
