#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/lsn.h"

namespace bw {

// The relay's figures at one time.
struct StatusSample {
  TimePoint time;
  uint64_t changes_captured = 0;   // Since the process started.
  uint64_t changes_published = 0;  // Since the process started.
  Lsn captured_lsn;                // End LSN of what is durable in the spool.
  Lsn published_lsn;         // End LSN of what is committed in Kafka; invalid before the first.
  uint64_t spool_bytes = 0;  // On disk.
  // Age of the oldest unpublished commit; absent when everything is published.
  std::optional<Duration> lag;
  // WAL after the slot's confirmed flush LSN; absent while PostgreSQL is unreachable.
  std::optional<uint64_t> retained_wal_bytes;
  // WAL that the slot retains on the server's disk, from its restart_lsn on; likewise.
  std::optional<uint64_t> wal_on_disk_bytes;
  // How much more until the server invalidates the slot; absent without max_slot_wal_keep_size.
  std::optional<uint64_t> safe_wal_bytes;
  uint64_t rows_skipped = 0;     // By --on-error=log, since the process started.
  uint64_t keyless_changes = 0;  // Published incompletely: no key says which row they change.
  std::string obstacle;          // What blocks capture now, e.g. "disk full"; usually empty.
};

// The line that the log gets every --status-interval, e.g.
//
//   captured 1,204 changes (40/s) up to 2/44DAB970, spooled 12.3 MiB, published 1,190 changes
//   (39/s) up to 2/44DA9910, lag 1.2 s, retained WAL 4.1 MiB (20 MiB on its disk)
//
// Rates are since `previous`.
std::string FormatStatusLine(const StatusSample& previous, const StatusSample& now);

}  // namespace bw
