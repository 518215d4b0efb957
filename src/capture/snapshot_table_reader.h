#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "avro/row_encoder.h"
#include "base/clock.h"
#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "capture/piece_reader.h"
#include "capture/snapshot_appender.h"
#include "capture/snapshot_progress.h"
#include "capture/snapshot_reader.h"
#include "capture/snapshot_tables.h"
#include "capture/toast_proof.h"
#include "debezium/envelope_encoder.h"

// The readers of a snapshot: each takes a table that waits, and reads it on its own connection.

namespace bw {

// A table on its way through the readers.
struct TableTask {
  size_t index = 0;  // In SnapshotWork::tables.
  TableCursor cursor;
  FormSchemaIds schema_ids;  // Each from the form's first row on.
  std::optional<TimePoint> told_locked;
};

// What the readers share.
struct SnapshotWork {
  explicit SnapshotWork(const Stop& stop) : abort(&stop) {}

  const CaptureOptions* options;
  const SnapshotSource* source;
  CaptureFigures* figures;
  std::vector<SnapshotTable> tables;
  // With --envelope=debezium.
  std::optional<debezium::EnvelopeSettings> envelope;
  int64_t snapshot_time_us = 0;
  SnapshotAppender* appender;
  SnapshotProgress* progress;
  std::map<uint32_t, TableFingerprint> fingerprints;  // By OID; none without a cache.
  // Ends every reader's waits: on a stop, and on the first failure of any reader.
  Stop abort;

  std::mutex mutex;  // Protects what follows.
  std::condition_variable changed;
  std::deque<TableTask> waiting;
  std::set<size_t> dropped;
  int running = 0;
  std::exception_ptr failure;

  // Nothing when none waits, or a reader has failed.
  std::optional<TableTask> Take();
  // For later: somebody has locked the table.
  void PutBack(TableTask task);
  void NoteDropped(size_t index);
  // Ends all readers.
  void Fail(std::exception_ptr error);
};

RowEncoderOptions EncoderOptions(const CaptureOptions& options, const SnapshotSource& source);

// Reads one table after the other, until none waits; a table that is locked waits again.
// Thread-safe with a connection each. Throws a transient Error on `work->abort`, TableObstacle
// where the source ends at obstacles, RowError under --on-error=exit, and as PgConnection does.
void ReadWaitingTables(SnapshotWork* work, PgConnection* connection);

}  // namespace bw
