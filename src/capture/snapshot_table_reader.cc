#include "capture/snapshot_table_reader.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "capture/change_assembler.h"
#include "capture/copy_text.h"
#include "capture/pg_connection.h"
#include "capture/refused_row.h"
#include "capture/snapshot_envelope.h"
#include "capture/toast_plan.h"

namespace bw {
namespace {

// How long a reader waits for a locked table: when that is new to it or there are others to read,
// and when there is nothing else to do. And where a lock is an obstacle.
constexpr Duration kLockWaitShort{1'000};
constexpr Duration kLockWaitLong{60'000};
constexpr Duration kLockWaitUnasked{200};
constexpr Duration kTellLockedInterval{60'000};

// Reads tables, one after the other, on one connection.
class TableReader {
 public:
  TableReader(SnapshotWork* work, PgConnection* connection)
      : work_(work),
        connection_(connection),
        pieces_(connection, work->source->slot.snapshot_name) {}

  void ReadAll() {
    while (std::optional<TableTask> task = work_->Take()) Read(std::move(*task));
  }

 private:
  void Read(TableTask task);
  // How the rows of the table being read are encoded.
  struct Encoders {
    RowEncoder row;
    std::optional<debezium::EnvelopeEncoder> envelope;
    ToastPlan plan;
  };
  void ReadPiece(const SnapshotTable& table, const Encoders& encoders, TableTask* task);
  void EncodeRow(const SnapshotTable& table, const Encoders& encoders, std::span<char> row);
  RowForm EncodeEnvelope(const Encoders& encoders);
  void Flush(const SnapshotTable& table, const ToastPlan& plan, TableTask* task);
  void RequireRoom();
  [[noreturn]] static void Stopped();
  // Calls the server about this table; what it answers instead may be an obstacle.
  template <class Call>
  auto Ask(const SnapshotTable& table, const Call& call);
  Duration LockWait(const TableTask& task);
  void TellLocked(const SnapshotTable& table, TableTask* task);
  void TellDropped(const SnapshotTable& table, const TableTask& task);
  void RefuseRow(const Error& error);
  void EncodeRefused(const SnapshotTable& table, const Encoders& encoders, const Error& error);

  SnapshotWork* const work_;
  PgConnection* const connection_;
  PieceReader pieces_;
  RowBatch batch_;
  std::vector<TextValue> values_;
};

template <class Call>
auto TableReader::Ask(const SnapshotTable& table, const Call& call) {
  try {
    return call();
  } catch (const Error& error) {
    const bool is_tables_own = connection_->is_connected() && !work_->abort.requested();
    if (!work_->source->ends_at_obstacles || !is_tables_own) throw;
    throw TableObstacle(table.described.name(), error.what());
  }
}

void TableReader::Read(TableTask task) {
  const SnapshotTable& table = work_->tables[task.index];
  const CapturedTable& described = table.described;
  Encoders encoders{RowEncoder(described.table, EncoderOptions(*work_->options, *work_->source)),
                    std::nullopt,
                    ToastPlan(described.table, described.user_types, described.identity)};
  const auto fingerprint = work_->fingerprints.find(described.oid);
  encoders.plan.KeepOnly(fingerprint == work_->fingerprints.end() ? TableFingerprint()
                                                                  : fingerprint->second);
  if (work_->envelope) encoders.envelope.emplace(described.table, *work_->envelope);
  work_->progress->Begin(task.index, Now());
  while (true) {
    RequireRoom();
    switch (Ask(table, [&] { return pieces_.Open(table, &task.cursor, LockWait(task)); })) {
      case PieceReader::Step::kOpen:
        ReadPiece(table, encoders, &task);
        break;
      case PieceReader::Step::kLocked:
        TellLocked(table, &task);
        work_->PutBack(std::move(task));
        return;
      case PieceReader::Step::kFinished:
        if (task.cursor.dropped) TellDropped(table, task);
        work_->progress->End(task.index, Now());
        return;
    }
  }
}

void TableReader::ReadPiece(const SnapshotTable& table, const Encoders& encoders, TableTask* task) {
  const auto next_row = [this] { return pieces_.NextRow(); };
  while (const std::optional<std::span<char>> row = Ask(table, next_row)) {
    // libpq may have many more rows already, which take no wait that a stop would end.
    if (work_->abort.requested()) Stopped();
    EncodeRow(table, encoders, *row);
    if (batch_.full()) Flush(table, encoders.plan, task);
  }
  Flush(table, encoders.plan, task);
  Ask(table, [this] { pieces_.Close(); });
}

Duration TableReader::LockWait(const TableTask& task) {
  if (work_->source->ends_at_obstacles) return kLockWaitUnasked;
  const std::lock_guard lock(work_->mutex);
  return task.told_locked && work_->waiting.empty() ? kLockWaitLong : kLockWaitShort;
}

void TableReader::TellLocked(const SnapshotTable& table, TableTask* task) {
  if (task->told_locked && Now() - *task->told_locked < kTellLockedInterval) return;
  task->told_locked = Now();
  std::string holders = pieces_.DescribeHolders();
  if (holders.empty()) holders = "by whom is not known";
  if (work_->source->ends_at_obstacles) {
    throw TableObstacle(table.described.name(), "it is locked: " + holders);
  }
  spdlog::warn("Table {} is locked, and is read when it no longer is: {}",
               Printable(table.described.qualified_name()), holders);
}

void TableReader::TellDropped(const SnapshotTable& table, const TableTask& task) {
  const std::string name = Printable(table.described.qualified_name());
  if (table.described.partitioned) {
    spdlog::warn("A partition of {} was dropped before it was read: its rows are left out", name);
    return;
  }
  spdlog::warn("Table {} was dropped before it was read: its rows are left out", name);
  work_->NoteDropped(task.index);
}

void TableReader::RefuseRow(const Error& error) {
  const std::string what = fmt::format("row of the snapshot refused: {}", error.what());
  if (work_->options->on_error == OnError::kExit) throw RowError(what);
  work_->figures->rows_refused.fetch_add(1, std::memory_order_relaxed);
  spdlog::error("{}; going on without it (--on-error=log)", Printable(what));
}

RowForm TableReader::EncodeEnvelope(const Encoders& encoders) {
  const debezium::Row after{values_};
  if (encoders.row.has_key()) {
    encoders.envelope->EncodeKey(after, batch_.buffer());
    batch_.FinishKey();
  }
  const debezium::Event event =
      SnapshotEvent(work_->source->slot.consistent_point, work_->snapshot_time_us);
  return encoders.envelope->Encode(event, {}, after, RowForm::kNative, batch_.buffer()).form;
}

void TableReader::EncodeRow(const SnapshotTable& table, const Encoders& encoders,
                            std::span<char> row) {
  ParseCopyRow(row, table.described.table.columns.size(), &values_);
  try {
    batch_.AddLargeValues(encoders.plan, values_);
    if (encoders.envelope) return batch_.FinishRow(EncodeEnvelope(encoders));
    if (encoders.row.has_key()) {
      encoders.row.EncodeKey(values_, {}, batch_.buffer());
      batch_.FinishKey();
    }
    batch_.FinishRow(encoders.row.EncodeValue(values_, {}, batch_.buffer()).form);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    batch_.DropRow();
    if (work_->options->on_error == OnError::kDeadLetter ||
        work_->options->on_error == OnError::kHold) {
      EncodeRefused(table, encoders, error);
    } else {
      RefuseRow(error);
    }
  }
}

void TableReader::EncodeRefused(const SnapshotTable& table, const Encoders& encoders,
                                const Error& error) {
  RowForm form = RowForm::kNative;
  try {
    if (encoders.envelope && encoders.row.has_key()) {
      encoders.envelope->EncodeKey(debezium::Row{values_}, batch_.buffer());
      batch_.FinishKey();
    } else if (encoders.row.has_key()) {
      form = encoders.row.EncodeKey(values_, {}, batch_.buffer());
      batch_.FinishKey();
    }
  } catch (const Error& of_key) {
    if (of_key.kind() != ErrorKind::kRow) throw;
    batch_.DropRow();
  }
  AppendRefusedRow({Operation::kSnapshot, error.what(), encoders.row.options().encoding},
                   table.described.table, values_, batch_.buffer());
  batch_.FinishRow(form, /*refused=*/true);
}

void TableReader::Stopped() { throw TransientError("the snapshot was stopped"); }

// Looks for a stop more often than the spool does: in the middle of a table it holds the snapshot.
void TableReader::RequireRoom() {
  constexpr Duration kStopLookInterval{20};
  while (!work_->appender->WaitForRoom(work_->abort, Now() + kStopLookInterval)) {
    if (work_->abort.requested()) Stopped();
  }
}

void TableReader::Flush(const SnapshotTable& table, const ToastPlan& plan, TableTask* task) {
  if (batch_.empty()) return;
  // In a piece nobody waits: its table is locked against ALTER TABLE and all who queue behind that.
  if (!pieces_.in_pieces()) RequireRoom();
  for (const RowForm form : kAllRowForms) {
    std::optional<SchemaId>& id = task->schema_ids[static_cast<size_t>(form)];
    if (id || !batch_.Has(form)) continue;
    id = work_->appender->AddSchema(SnapshotSchema(table.described.table, work_->envelope, form));
  }
  work_->appender->Append({table.described.oid, &plan}, task->schema_ids, batch_);
  work_->progress->AddRows(task->index, batch_.rows());
  batch_.Clear();
}

}  // namespace

std::optional<TableTask> SnapshotWork::Take() {
  const std::lock_guard lock(mutex);
  if (failure || waiting.empty()) return std::nullopt;
  TableTask task = std::move(waiting.front());
  waiting.pop_front();
  return task;
}

void SnapshotWork::PutBack(TableTask task) {
  const std::lock_guard lock(mutex);
  waiting.push_back(std::move(task));
}

void SnapshotWork::NoteDropped(size_t index) {
  const std::lock_guard lock(mutex);
  dropped.insert(index);
}

void SnapshotWork::Fail(std::exception_ptr error) {
  {
    const std::lock_guard lock(mutex);
    if (!failure) failure = std::move(error);
  }
  abort.Request();
}

RowEncoderOptions EncoderOptions(const CaptureOptions& options, const SnapshotSource& source) {
  return {source.encoding, options.invalid_text};
}

void ReadWaitingTables(SnapshotWork* work, PgConnection* connection) {
  TableReader(work, connection).ReadAll();
}

}  // namespace bw
