#include "capture/snapshot_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "avro/row_encoder.h"
#include "base/error.h"
#include "base/log.h"
#include "capture/change_assembler.h"
#include "capture/copy_text.h"
#include "capture/full_key.h"
#include "capture/pg_connection.h"
#include "capture/publication.h"
#include "capture/snapshot_appender.h"
#include "capture/snapshot_progress.h"
#include "capture/snapshot_tables.h"
#include "capture/sql_text.h"
#include "capture/table_catalog.h"
#include "capture/table_filter.h"

namespace bw {
namespace {

TimePoint Now() { return std::chrono::steady_clock::now(); }

// What the readers share.
struct SharedWork {
  const CaptureOptions* options;
  const SnapshotSource* source;
  CaptureFigures* figures;
  std::vector<SnapshotTable> tables;
  SnapshotAppender* appender;
  SnapshotProgress* progress;
  // Ends every reader's waits: on a stop of the process, and on the first failure of any reader.
  Stop abort;

  std::mutex mutex;  // Protects what follows.
  std::condition_variable changed;
  size_t next_table = 0;
  int running = 0;
  std::exception_ptr failure;

  std::optional<size_t> TakeTable() {
    const std::lock_guard lock(mutex);
    if (failure || next_table == tables.size()) return std::nullopt;
    return next_table++;
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

void ImportSnapshot(PgConnection* connection, const std::string& snapshot_name) {
  const PgQueryOptions options = Query("import the snapshot");
  connection->Query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", options);
  connection->Query("SET TRANSACTION SNAPSHOT " + QuoteLiteral(snapshot_name), options);
  connection->Query("SET lock_timeout = 0", options);  // A table's lock has a limit of its own.
}

// Reads tables, one after the other, on one connection.
class TableReader {
 public:
  TableReader(SharedWork* work, PgConnection* connection) : work_(work), connection_(connection) {}

  void ReadAll() {
    while (const std::optional<size_t> table = work_->TakeTable()) Read(*table);
  }

 private:
  void Read(size_t index);
  void LockAgainstChange(const SnapshotTable& table);
  std::string ReadFilter(const SnapshotTable& table);
  void CopyRows(size_t index, const SnapshotTable& table);
  void EncodeRow(const RowEncoder& encoder, std::span<char> row, size_t column_count);
  void Flush(size_t index, const SnapshotTable& table);
  void RefuseRow(const Error& error);

  SharedWork* const work_;
  PgConnection* const connection_;
  std::optional<SchemaId> schema_id_;  // Of the table being read, from its first row on.
  RowBatch batch_;
  std::vector<TextValue> values_;
};

void TableReader::Read(size_t index) {
  const SnapshotTable& table = work_->tables[index];
  const std::string doing = fmt::format("read table {}", table.described.qualified_name());
  work_->progress->Begin(index, Now());
  // Rolling back to it releases the table's lock and keeps the snapshot.
  connection_->Query("SAVEPOINT before_table", Query(doing));
  LockAgainstChange(table);
  CopyRows(index, table);
  connection_->Query("ROLLBACK TO SAVEPOINT before_table", Query(doing));
  connection_->Query("RELEASE SAVEPOINT before_table", Query(doing));
  work_->progress->End(index, Now());
}

// TRUNCATE and rewriting ALTER TABLE are not MVCC-safe: a table they have replaced since the
// snapshot looks empty in it (PostgreSQL documentation, 13.6 "Caveats"), and a detached partition
// is no longer found under its root. The snapshot knows the storage of its time; if it is no longer
// the storage of now, the snapshot must be taken again.
void TableReader::LockAgainstChange(const SnapshotTable& table) {
  const std::string name = QuoteTable(table.described.table.schema, table.described.table.name);
  PgQueryOptions options = Query(fmt::format("lock table {}", table.described.qualified_name()));
  options.timeout = std::chrono::hours(24);  // Somebody's ALTER TABLE may take its time.
  connection_->Query(fmt::format("LOCK TABLE {} IN ACCESS SHARE MODE", name), options);
  const PgResult unchanged = connection_->Query(
      fmt::format(R"(
WITH RECURSIVE members(oid) AS (
  SELECT {oid}::oid
  UNION ALL
  SELECT i.inhrelid FROM members m JOIN pg_inherits i ON i.inhparent = m.oid WHERE {partitioned})
SELECT coalesce(bool_and(c.relfilenode = pg_relation_filenode(c.oid)
  AND (NOT {partitioned} OR c.oid IN (SELECT relid FROM pg_partition_tree({oid})))), true)
FROM members m JOIN pg_class c ON c.oid = m.oid WHERE c.relkind = 'r')",
                  fmt::arg("oid", table.described.oid),
                  fmt::arg("partitioned", table.described.partitioned ? "true" : "false")),
      options);
  if (!unchanged.Bool(0, 0)) {
    throw TransientError(fmt::format(
        "table {} was truncated or rewritten while the snapshot was taken; it is taken again",
        Printable(table.described.qualified_name())));
  }
}

// As SQL. Asked under the table's lock: pg_get_expr() takes one itself.
std::string TableReader::ReadFilter(const SnapshotTable& table) {
  std::string filter;
  for (const uint32_t oid : table.row_filters) {
    const PgResult found = connection_->Query(
        fmt::format("SELECT pg_get_expr(prqual, prrelid) FROM pg_publication_rel WHERE oid = {}",
                    oid),
        Query(fmt::format("read the row filter of {}", table.described.qualified_name())));
    BW_CHECK(found.rows() == 1);  // In the snapshot it was chosen in.
    filter += fmt::format("{}({})", filter.empty() ? "" : " OR ", found.Text(0, 0));
  }
  return filter;
}

void TableReader::RefuseRow(const Error& error) {
  const std::string what = fmt::format("row of the snapshot refused: {}", error.what());
  if (work_->options->on_error == OnError::kExit) throw RowError(what);
  work_->figures->rows_refused.fetch_add(1, std::memory_order_relaxed);
  spdlog::error("{}; going on without it (--on-error=log)", Printable(what));
}

void TableReader::EncodeRow(const RowEncoder& encoder, std::span<char> row, size_t column_count) {
  ParseCopyRow(row, column_count, &values_);
  try {
    if (encoder.has_key()) {
      encoder.EncodeKey(values_, {}, batch_.buffer());
      batch_.FinishKey();
    }
    encoder.EncodeValue(values_, {}, batch_.buffer());
    batch_.FinishRow();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    batch_.DropRow();
    RefuseRow(error);
  }
}

void TableReader::CopyRows(size_t index, const SnapshotTable& table) {
  const RowEncoder encoder(table.described.table,
                           RowEncoderOptions{.validate_utf8 = work_->source->validate_utf8});
  const size_t column_count = table.described.table.columns.size();
  schema_id_.reset();
  connection_->StartCopyOut(table.CopySql(ReadFilter(table)),
                            Query(fmt::format("read table {}", table.described.qualified_name())));
  while (const std::optional<std::span<char>> row = connection_->ReadCopyRow()) {
    EncodeRow(encoder, *row, column_count);
    if (batch_.full()) Flush(index, table);
  }
  Flush(index, table);
}

void TableReader::Flush(size_t index, const SnapshotTable& table) {
  if (batch_.empty()) return;
  if (!schema_id_) schema_id_ = work_->appender->AddSchema(MakeTableSchema(table.described.table));
  if (!work_->appender->Append(*schema_id_, batch_, work_->abort)) {
    throw TransientError("the snapshot was stopped");
  }
  work_->progress->AddRows(index, batch_.rows());
  batch_.Clear();
}

void RunReader(SharedWork* work, PgConnection* connection) {
  try {
    TableReader(work, connection).ReadAll();
  } catch (...) {
    work->Fail(std::current_exception());
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
  void Start(PgConnection* connection) {
    {
      const std::lock_guard lock(work_->mutex);
      ++work_->running;
    }
    threads_.emplace_back(RunReader, work_, connection);
  }
  void WaitUntilDone(const Stop& stop) {
    constexpr Duration kTellInterval{500};
    std::unique_lock lock(work_->mutex);
    while (!work_->changed.wait_for(lock, kTellInterval, [&] { return work_->running == 0; })) {
      lock.unlock();
      if (stop.requested()) work_->Fail(std::make_exception_ptr(TransientError("stopping")));
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

std::vector<SnapshotTable> ChooseTables(PgConnection* connection, const CaptureOptions& options,
                                        const SnapshotSource& source) {
  std::vector<SnapshotTable> tables = ChooseSnapshotTables(
      ReadTables(connection), ReadPublications(connection, source.publications),
      TableFilter(options.tables, options.exclude_tables));
  const TableFilter only(source.only, {});
  std::erase_if(tables, [&](const SnapshotTable& table) {
    const Table& described = table.described.table;
    return !only.Selects(described.schema, described.name) ||
           (source.only_tables &&
            !source.only_tables->contains({described.schema, described.name}));
  });
  return tables;
}

std::vector<SnapshotTable> ListTables(PgConnection* connection, const CaptureOptions& options,
                                      const SnapshotSource& source) {
  std::vector<SnapshotTable> tables = ChooseTables(connection, options, source);
  RequireReadable(tables, connection->role());
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

}  // namespace

void RequireSelected(PgConnection* connection, const CaptureOptions& options,
                     const SnapshotSource& source) {
  if (!ChooseTables(connection, options, source).empty()) return;
  throw UsageError(fmt::format("resnapshot: none of the captured tables is {}",
                               Printable(fmt::format("{}", fmt::join(source.only, ", ")))));
}

SnapshotContent ReadSnapshot(const CaptureOptions& options, const SnapshotSource& source,
                             Spool* spool, CaptureFigures* figures, const Stop& stop) {
  SharedWork work;
  work.options = &options;
  work.source = &source;
  work.figures = figures;
  // All before the first row: after that, the exporting connection may as well be lost.
  std::vector<std::unique_ptr<PgConnection>> connections;
  for (int i = 0; i < options.snapshot_connections; ++i) {
    connections.push_back(
        std::make_unique<PgConnection>(options, PgConnection::Mode::kSql, work.abort));
    ImportSnapshot(connections.back().get(), source.slot.snapshot_name);
  }
  work.tables = ListTables(connections[0].get(), options, source);
  SnapshotProgress progress(work.tables);
  SnapshotAppender appender(source.slot.consistent_point, SnapshotTimeMicros(connections[0].get()),
                            spool, figures);
  work.progress = &progress;
  work.appender = &appender;
  {
    ReaderThreads threads(&work);
    for (const auto& connection : connections) threads.Start(connection.get());
    threads.WaitUntilDone(stop);
  }
  progress.Finish(Now());
  if (work.failure) std::rethrow_exception(work.failure);
  SnapshotContent content{progress.rows(), {}};
  for (const SnapshotTable& table : work.tables) {
    content.tables.push_back({table.described.table.schema, table.described.table.name});
    spool->AppendTableKey(TableKeyOf(table.described.oid, table.described.table));
  }
  return content;
}

}  // namespace bw
