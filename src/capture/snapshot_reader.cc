#include "capture/snapshot_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/thread_name.h"
#include "capture/change_assembler.h"
#include "capture/full_key.h"
#include "capture/pg_connection.h"
#include "capture/publication.h"
#include "capture/snapshot_appender.h"
#include "capture/snapshot_envelope.h"
#include "capture/snapshot_progress.h"
#include "capture/snapshot_table_reader.h"
#include "capture/snapshot_tables.h"
#include "capture/sql_text.h"
#include "capture/table_catalog.h"
#include "capture/table_filter.h"
#include "capture/toast_proof.h"
#include "spool/toast_cache.h"

namespace bw {
namespace {

PgQueryOptions Query(std::string doing) {
  PgQueryOptions options;
  options.doing = std::move(doing);
  options.begin_again_when_missing = true;
  return options;
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

// Closes its connection as soon as it fails: a COPY that was left open holds the snapshot.
void RunReader(SnapshotWork* work, std::unique_ptr<PgConnection> connection) {
  NameThisThread("snapshot reader");
  try {
    ReadWaitingTables(work, connection.get());
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
  explicit ReaderThreads(SnapshotWork* work) : work_(work) {}
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
  SnapshotWork* const work_;
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
void BeginTables(PgConnection* connection, SnapshotWork* work) {
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
  SnapshotWork work(stop);
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
