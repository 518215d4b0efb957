#include "capture/snapshot_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "avro/row_encoder.h"
#include "base/error.h"
#include "base/log.h"
#include "base/thread_name.h"
#include "capture/change_assembler.h"
#include "capture/copy_text.h"
#include "capture/full_key.h"
#include "capture/pg_connection.h"
#include "capture/piece_reader.h"
#include "capture/publication.h"
#include "capture/refused_row.h"
#include "capture/snapshot_appender.h"
#include "capture/snapshot_envelope.h"
#include "capture/snapshot_progress.h"
#include "capture/snapshot_tables.h"
#include "capture/sql_text.h"
#include "capture/table_catalog.h"
#include "capture/table_filter.h"
#include "capture/toast_plan.h"
#include "capture/toast_proof.h"
#include "spool/toast_cache.h"

namespace bw {
namespace {

// How long a reader waits for a locked table: when that is new to it or there are others to read,
// and when there is nothing else to do. And where a lock is an obstacle.
constexpr Duration kLockWaitShort{1'000};
constexpr Duration kLockWaitLong{60'000};
constexpr Duration kLockWaitUnasked{200};
constexpr Duration kTellLockedInterval{60'000};

// A table on its way through the readers.
struct TableTask {
  size_t index = 0;  // In SharedWork::tables.
  TableCursor cursor;
  FormSchemaIds schema_ids;  // Each from the form's first row on.
  std::optional<TimePoint> told_locked;
};

// What the readers share.
struct SharedWork {
  explicit SharedWork(const Stop& stop) : abort(&stop) {}

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

  std::optional<TableTask> Take() {
    const std::lock_guard lock(mutex);
    if (failure || waiting.empty()) return std::nullopt;
    TableTask task = std::move(waiting.front());
    waiting.pop_front();
    return task;
  }
  // For later: somebody has locked the table.
  void PutBack(TableTask task) {
    const std::lock_guard lock(mutex);
    waiting.push_back(std::move(task));
  }
  Duration LockWait(const TableTask& task) {
    if (source->ends_at_obstacles) return kLockWaitUnasked;
    const std::lock_guard lock(mutex);
    return task.told_locked && waiting.empty() ? kLockWaitLong : kLockWaitShort;
  }
  void NoteDropped(size_t index) {
    const std::lock_guard lock(mutex);
    dropped.insert(index);
  }
  void Fail(std::exception_ptr error) {
    {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::move(error);
    }
    abort.Request();
  }
};

PgQueryOptions Query(std::string doing) {
  PgQueryOptions options;
  options.doing = std::move(doing);
  options.begin_again_when_missing = true;
  return options;
}

RowEncoderOptions EncoderOptions(const CaptureOptions& options, const SnapshotSource& source) {
  return {source.encoding, options.invalid_text};
}

// Else a reader that waits for a lock, or finds nothing to send, holds the snapshot on after its
// connection was closed, or the relay killed. Not every platform of the server can.
void EndWithTheConnection(PgConnection* connection) {
  constexpr int kFirstWithCheck = 140000;
  constexpr const char* kCannot = "22023";
  if (connection->server_version() < kFirstWithCheck) return;
  connection->Try("SET client_connection_check_interval = '20ms'", Query("prepare the read"),
                  {kCannot});
}

void ImportSnapshot(PgConnection* connection, const std::string& snapshot_name) {
  const PgQueryOptions options = Query("import the snapshot");
  connection->Query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", options);
  connection->Query("SET TRANSACTION SNAPSHOT " + QuoteLiteral(snapshot_name), options);
}

// Reads tables, one after the other, on one connection.
class TableReader {
 public:
  TableReader(SharedWork* work, PgConnection* connection)
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
  void TellLocked(const SnapshotTable& table, TableTask* task);
  void TellDropped(const SnapshotTable& table, const TableTask& task);
  void RefuseRow(const Error& error);
  void EncodeRefused(const SnapshotTable& table, const Encoders& encoders, const Error& error);

  SharedWork* const work_;
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
    switch (Ask(table, [&] { return pieces_.Open(table, &task.cursor, work_->LockWait(task)); })) {
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

// Closes its connection as soon as it fails: a COPY that was left open holds the snapshot.
void RunReader(SharedWork* work, std::unique_ptr<PgConnection> connection) {
  NameThisThread("snapshot reader");
  try {
    TableReader(work, connection.get()).ReadAll();
  } catch (...) {
    work->Fail(std::current_exception());
    connection->Abandon();
  }
  {
    const std::lock_guard lock(work->mutex);
    --work->running;
  }
  work->changed.notify_all();
}

// Joins whatever happens: the readers use what the caller's frame holds.
class ReaderThreads {
 public:
  explicit ReaderThreads(SharedWork* work) : work_(work) {}
  ~ReaderThreads() {
    work_->abort.Request();
    for (std::thread& thread : threads_) thread.join();
  }
  void Start(std::unique_ptr<PgConnection> connection) {
    {
      const std::lock_guard lock(work_->mutex);
      ++work_->running;
    }
    threads_.emplace_back(RunReader, work_, std::move(connection));
  }
  void WaitUntilDone() {
    constexpr Duration kTellInterval{500};
    std::unique_lock lock(work_->mutex);
    while (!work_->changed.wait_for(lock, kTellInterval, [&] { return work_->running == 0; })) {
      lock.unlock();
      work_->progress->Tell(Now());
      lock.lock();
    }
  }

 private:
  SharedWork* const work_;
  std::vector<std::thread> threads_;
};

int64_t SnapshotTimeMicros(PgConnection* connection) {
  return connection
      ->Query("SELECT (extract(epoch FROM transaction_timestamp()) * 1000000)::int8",
              Query("read the time"))
      .Int(0, 0);
}

std::vector<SnapshotTable> ChooseTables(const std::vector<CapturedTable>& all,
                                        const std::vector<Publication>& publications,
                                        const CaptureOptions& options,
                                        const SnapshotSource& source) {
  std::vector<SnapshotTable> tables =
      ChooseSnapshotTables(all, publications, TableFilter(options.tables, options.exclude_tables));
  const TableFilter only(source.only, {});
  std::erase_if(tables, [&](const SnapshotTable& table) {
    const Table& described = table.described.table;
    return !only.Selects(described.schema, described.name) ||
           (source.only_tables && !source.only_tables->contains(table.described.name()));
  });
  return tables;
}

std::vector<SnapshotTable> ListTables(PgConnection* connection, const CaptureOptions& options,
                                      const SnapshotSource& source) {
  std::vector<SnapshotTable> tables =
      ChooseTables(ReadTables(connection, options.type_forms),
                   ReadPublications(connection, source.publications), options, source);
  RequireReadable(tables, connection->role());
  for (SnapshotTable& table : tables) {
    table.described.table.text_as_bytes = EncoderOptions(options, source).text_as_bytes();
  }
  AddFacts(connection, options, &tables);
  for (const SnapshotTable& table : tables) {
    const std::string name = Printable(table.described.qualified_name());
    if (table.described.keyed()) {
      spdlog::info("Table {} is keyed by index {}", name, Printable(table.described.key_index));
    } else {
      spdlog::info("Table {} is not keyed: null keys, and its deletes emit nothing", name);
    }
  }
  return tables;
}

// In the snapshot's transaction.
void BeginTables(PgConnection* connection, SharedWork* work) {
  std::vector<uint32_t> oids;
  for (const SnapshotTable& table : work->tables) oids.push_back(table.described.oid);
  const std::vector<TableFingerprint> found =
      ReadFingerprints(connection, oids, work->source->publications);
  work->appender->Begin(found, work->source->publications);
  for (const TableFingerprint& table : found) work->fingerprints.emplace(table.relation, table);
}

}  // namespace

void RequireReadableSelection(const std::vector<CapturedTable>& tables,
                              const std::vector<Publication>& publications,
                              const CaptureOptions& options, const SnapshotSource& source,
                              const std::string& role) {
  const std::vector<SnapshotTable> chosen = ChooseTables(tables, publications, options, source);
  if (!chosen.empty()) return RequireReadable(chosen, role);
  throw UsageError(fmt::format("resnapshot: none of the captured tables is {}",
                               Printable(fmt::format("{}", fmt::join(source.only, ", ")))));
}

SnapshotContent ReadSnapshot(const CaptureOptions& options, const SnapshotSource& source,
                             Spool* spool, CaptureFigures* figures, const Stop& stop,
                             const std::function<void(int backend_pid)>& reader_begins) {
  SharedWork work(stop);
  work.options = &options;
  work.source = &source;
  work.figures = figures;
  std::vector<std::unique_ptr<PgConnection>> connections;
  for (int i = 0; i < options.snapshot_connections; ++i) {
    connections.push_back(
        std::make_unique<PgConnection>(options, PgConnection::Mode::kSql, work.abort));
    EndWithTheConnection(connections.back().get());
    if (reader_begins) reader_begins(connections.back()->backend_pid());
  }
  ImportSnapshot(connections[0].get(), source.slot.snapshot_name);
  work.tables = ListTables(connections[0].get(), options, source);
  for (size_t i = 0; i < work.tables.size(); ++i) work.waiting.emplace_back().index = i;
  SnapshotProgress progress(work.tables);
  work.snapshot_time_us = SnapshotTimeMicros(connections[0].get());
  work.envelope = SnapshotEnvelope(connections[0].get(), options, source);
  SnapshotAppender appender(source.slot.consistent_point, work.snapshot_time_us, spool, figures);
  work.appender = &appender;
  if (spool->log().toast().enabled()) BeginTables(connections[0].get(), &work);
  connections[0]->Query("ROLLBACK");
  work.progress = &progress;
  {
    ReaderThreads threads(&work);
    for (auto& connection : connections) threads.Start(std::move(connection));
    threads.WaitUntilDone();
  }
  progress.Finish();
  if (work.failure) std::rethrow_exception(work.failure);
  SnapshotContent content{progress.rows(), {}};
  for (size_t i = 0; i < work.tables.size(); ++i) {
    const CapturedTable& described = work.tables[i].described;
    // Also of a dropped table: what was deleted from it before is still to be streamed.
    spool->log().AppendTableKey(TableKeyOf(described.oid, described.table, described.identity));
    for (const auto& [oid, type] : described.user_types) {
      spool->log().AppendType(TypeNoteOf(oid, type));
    }
    if (work.dropped.contains(i)) continue;
    content.tables.push_back(described.name());
  }
  return content;
}

}  // namespace bw
