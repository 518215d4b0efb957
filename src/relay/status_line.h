#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/lsn.h"

namespace bw {

// What the relay knows about itself at one time.
struct StatusSample {
  TimePoint time;
  uint64_t changes_captured = 0;   // Since the process started.
  uint64_t changes_published = 0;  // Since the process started.
  Lsn captured_lsn;                // End LSN of what is durable in the spool.
  Lsn published_lsn;         // End LSN of what is committed in Kafka; invalid before the first.
  uint64_t spool_bytes = 0;  // On disk.
  // How old the oldest unpublished commit is; absent when nothing waits.
  std::optional<Duration> lag;
  // WAL behind the slot's confirmed flush LSN; absent while PostgreSQL cannot be asked.
  std::optional<uint64_t> retained_wal_bytes;
  // All that the slot keeps on the server's disk, from its restart_lsn on; likewise.
  std::optional<uint64_t> wal_on_disk_bytes;
  // How much more until the server gives the slot up; absent without max_slot_wal_keep_size.
  std::optional<uint64_t> safe_wal_bytes;
  uint64_t rows_skipped = 0;  // By --on-error=log, since the process started.
  uint64_t keyless_changes = 0;  // Not published whole, since no key says which row they are about.
  std::string obstacle;       // What stands in the way now, e.g. "disk full"; usually empty.
};

// The line that the log gets every --status-interval, e.g.
//
//   captured 1,204 changes (40/s) up to 2/44DAB970, spooled 12.3 MiB, published 1,190 changes
//   (39/s) up to 2/44DA9910, lag 1.2 s, retained WAL 4.1 MiB (20 MiB on
//   its disk)
//
// Rates are since `previous`.
std::string FormatStatusLine(const StatusSample& previous, const StatusSample& now);

}  // namespace bw
