#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/latency_histogram.h"
#include "base/lsn.h"
#include "base/trouble_list.h"
#include "publish/publish_memory.h"
#include "spool/spool_state.h"

namespace bw {

// What a relay knows about itself at one time: for the log's status line, and for everything that
// the admin endpoint shows. Counts are since the process started; those that are not of the same
// member may be a moment apart. Holds no value of a row and no secret.
struct RelayStatus {
  // Of capture or publish.
  struct Side {
    bool working = false;  // Capture streams; publish has a session.
    bool paused = false;   // By an operator.
    bool pausing = false;  // With `paused`: what it does now has to end first.
    std::vector<Trouble> troubles;
    uint64_t sessions = 0;                            // That began to work.
    std::array<uint64_t, kErrorKinds> failures = {};  // Sessions that an Error ended, by ErrorKind.
  };

  struct Capture : Side {
    Lsn received;     // The newest LSN that came from the server; at least `captured`.
    Lsn server_end;   // The end of the server's WAL; invalid while nobody can look.
    Lsn server_read;  // As far as the server has read its WAL for us.
    Lsn confirmed;    // What the slot was told.
    Lsn captured;     // End LSN of what is durable in the spool.
    // Of the slot, as it was in the last seconds; absent while nobody can look.
    std::optional<uint64_t> retained_wal_bytes;  // After its confirmed flush LSN.
    std::optional<uint64_t> wal_on_disk_bytes;   // From its restart_lsn on.
    std::optional<bool> has_wal_limit;           // max_slot_wal_keep_size is set.
    // How much more until the server may invalidate the slot; negative beyond the limit. Absent
    // also without a limit.
    std::optional<int64_t> safe_wal_bytes;
    std::string slot_status;  // pg_replication_slots.wal_status; "" when it is not known.
    // Whether the slot can never be used again; absent when it is not known.
    std::optional<bool> slot_is_lost() const {
      return slot_status.empty() ? std::nullopt : std::optional(slot_status == "lost");
    }
    uint64_t changes = 0;         // Durable in the spool.
    uint64_t appended = 0;        // Handed to the spool, durable or not.
    uint64_t appended_bytes = 0;  // Of those, before compression.
    uint64_t transactions = 0;
    uint64_t snapshot_rows = 0;
    uint64_t rows_refused = 0;        // Left out by --on-error=log.
    uint64_t unavailable_values = 0;  // Rows with a placeholder for unsent TOAST.
    // As in CaptureFigures.
    uint64_t toast_from_old_tuple = 0;
    uint64_t toast_from_cache = 0;
    uint64_t toast_refetched = 0;
    uint64_t toast_unavailable = 0;
    uint64_t keyless_changes = 0;  // Published incompletely: no key says which row they change.
    uint64_t truncates = 0;
    LatencyHistogram::Counts commit_to_spool;
  };

  struct Publish : Side {
    PublishFigures figures;
    Lsn published;  // End LSN of what is committed in Kafka; invalid before the first.
    std::map<std::string, TableFigures::Counts> tables;  // By name; bounded, see TableFigures.
    LatencyHistogram::Counts commit_to_kafka;
    LatencyHistogram::Counts kafka_transaction;
    LatencyHistogram::Counts registry_request;
  };

  struct SpoolFacts {
    SpoolPhase phase = SpoolPhase::kEmpty;
    Source source;
    uint64_t bytes = 0;       // On disk.
    uint64_t room_bytes = 0;  // Until capture pauses, by the disk or by --spool-max-bytes.
    uint64_t max_bytes = 0;   // --spool-max-bytes; 0 for no limit.
    uint64_t backlog = 0;     // About how many changes are not published yet.
    // Age of the oldest unpublished commit; absent when everything is published.
    std::optional<Duration> lag;
    uint64_t write_stalls = 0;  // RocksDB's.
    std::string obstacle;       // Why nothing can be written now, e.g. "disk full"; usually empty.
    uint64_t tables_to_reread = 0;
  };

  TimePoint time;
  int64_t wall_us = 0;  // Since 1970-01-01 UTC.
  Capture capture;
  Publish publish;
  SpoolFacts spool;

  uint64_t rows_skipped() const { return capture.rows_refused + publish.figures.rows_refused; }
};

}  // namespace bw
