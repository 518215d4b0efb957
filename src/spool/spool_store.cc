#include "spool/spool_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"
#include "spool/corruption.h"

namespace bw {
namespace {

using rocksdb::Slice;

rocksdb::Options StoreOptions(const SpoolOptions& options) {
  rocksdb::Options result;
  if (options.env != nullptr) result.env = options.env;
  result.create_if_missing = true;
  result.create_missing_column_families = true;
  // The default mode opens despite corruption in the middle of the WAL and silently drops the
  // acknowledged data after it. This one tolerates only a torn tail and otherwise refuses to open.
  result.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  result.paranoid_checks = true;
  // Automatic resumption after a full disk does not work in 7.8: see Reopen().
  result.max_bgerror_resume_count = 0;
  result.avoid_flush_during_shutdown = true;  // The WAL has everything.
  result.max_total_wal_size = 4 * options.memtable_bytes;
  result.max_background_jobs = 2;
  result.max_open_files = 512;
  result.bytes_per_sync = kMiB;
  result.keep_log_file_num = 3;
  result.max_log_file_size = 4 * kMiB;
  result.stats_dump_period_sec = 0;
  return result;
}

rocksdb::ColumnFamilyOptions ChangesOptions(const SpoolOptions& options) {
  rocksdb::ColumnFamilyOptions result;
  result.write_buffer_size = options.memtable_bytes;
  result.max_write_buffer_number = 3;
  result.compression = rocksdb::kLZ4Compression;
  // Keys only rise, so files do not overlap and compaction moves them down without rewriting. There
  // are no random reads: no filters, large blocks, and a cache for indexes only.
  result.level0_slowdown_writes_trigger = 40;
  result.level0_stop_writes_trigger = 60;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = 32 * kKiB;
  table.checksum = rocksdb::kXXH3;
  table.block_cache = rocksdb::NewLRUCache(8 * kMiB);
  result.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return result;
}

// Read by key, at random, and mostly for keys that are there: a filter for those that are not.
rocksdb::ColumnFamilyOptions ToastOptions(const SpoolOptions& options) {
  rocksdb::ColumnFamilyOptions result;
  result.write_buffer_size = options.memtable_bytes / 2;
  result.max_write_buffer_number = 2;
  result.compression = rocksdb::kLZ4Compression;
  result.target_file_size_base = 16 * kMiB;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = 16 * kKiB;
  table.checksum = rocksdb::kXXH3;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(8 * kMiB);
  result.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return result;
}

constexpr char kToastFamily[] = "toast";

// Sorted. Of a directory that cannot be read: none.
std::vector<std::string> FilesIn(rocksdb::Env* env, const std::string& path) {
  std::vector<std::string> files;
  env->GetChildren(path, &files);
  std::ranges::sort(files);
  return files;
}

// Whether each write-ahead log of `before` is in `after`.
bool LogsRemain(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  return std::ranges::all_of(before, [&](const std::string& file) {
    return !file.ends_with(".log") || std::ranges::binary_search(after, file);
  });
}

// For operations on the store in `path` other than writes.
void Check(const rocksdb::Status& status, const std::string& path, const char* doing) {
  if (status.ok()) return;
  const std::string where = "in \"" + path + "\"";
  if (status.IsCorruption()) throw CorruptSpool(where + ": " + status.ToString());
  throw TransientError("the spool " + where + " cannot be " + doing + ": " + status.ToString());
}

}  // namespace

SpoolStore::SpoolStore(const SpoolOptions& options, const std::string& path, StoreAccess access)
    : path_(path),
      access_(access),
      options_(StoreOptions(options)),
      toast_options_(ToastOptions(options)) {
  static_cast<rocksdb::ColumnFamilyOptions&>(options_) = ChangesOptions(options);
  if (access_ == StoreAccess::kRead) {
    options_.create_if_missing = false;
    options_.create_missing_column_families = false;
  }
  OpenDatabase(ErrorKind::kHalt);
}

SpoolStore::~SpoolStore() { CloseDatabase(); }

void SpoolStore::OpenDatabase(ErrorKind kind_of_io_errors) {
  rocksdb::ColumnFamilyOptions small = options_;
  small.write_buffer_size = kMiB;
  std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, small}, {"changes", options_}, {"schemas", small}};
  if (access_ == StoreAccess::kWrite || HasToastFamily()) {
    families.emplace_back(kToastFamily, toast_options_);
  }
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = access_ == StoreAccess::kWrite
                                     ? rocksdb::DB::Open(options_, path_, families, &handles_, &db)
                                     : OpenForReading(families, &db);
  db_.reset(db);
  if (status.ok()) {
    ++times_opened_;
    return;
  }
  handles_.clear();
  if (status.IsCorruption()) {
    throw CorruptSpool("in \"" + path_ + "\": " + status.ToString());
  }
  const std::string found = "the spool in \"" + path_ + "\" cannot be opened: " + status.ToString();
  if (kind_of_io_errors == ErrorKind::kTransient) {
    throw Error(kind_of_io_errors, found, ExitCode::kSpoolUnusable);
  }
  throw Halt{ExitCode::kSpoolUnusable,
             "spool-directory",
             Sentence(found),
             "",
             {{"fix what the system reports, or choose another place", "--spool=DIR"}}}
      .ToError();
}

// Who reads creates nothing, and an older version has made no such family. Of a list that cannot be
// read now: opening the store tells why.
bool SpoolStore::HasToastFamily() const {
  std::vector<std::string> names;
  const rocksdb::Status status = rocksdb::DB::ListColumnFamilies(options_, path_, &names);
  return !status.ok() || std::ranges::find(names, kToastFamily) != names.end();
}

bool SpoolStore::Has(Family family) {
  const std::shared_lock lock(db_mutex_);
  return static_cast<size_t>(family) < handles_.size();
}

// Files that come or go meanwhile explain any failure: whoever writes deletes files that were just
// listed. Where nothing has changed, a failure is one.
rocksdb::Status SpoolStore::OpenForReading(
    const std::vector<rocksdb::ColumnFamilyDescriptor>& families, rocksdb::DB** db) {
  constexpr int kAttemptsMax = 100;
  constexpr std::chrono::milliseconds kPause{20};
  rocksdb::Status status;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const std::vector<std::string> before = FilesIn(options_.env, path_);
    status = rocksdb::DB::OpenForReadOnly(options_, path_, families, &handles_, db);
    std::vector<std::string> after = FilesIn(options_.env, path_);
    if (!status.ok() && before == after) return status;
    if (status.ok() && before != after) {
      // Logs are deleted newest first: wait until a deletion that is under way has come to those
      // that were there before.
      std::this_thread::sleep_for(kPause);
      after = FilesIn(options_.env, path_);
    }
    if (status.ok() && LogsRemain(before, after)) return status;
    if (status.ok()) {
      for (rocksdb::ColumnFamilyHandle* handle : handles_) (*db)->DestroyColumnFamilyHandle(handle);
      handles_.clear();
      delete std::exchange(*db, nullptr);
    }
    std::this_thread::sleep_for(kPause);
  }
  return rocksdb::Status::TryAgain("its files change too fast to be read; try again");
}

void SpoolStore::CloseDatabase() {
  if (!db_) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  handles_.clear();
  db_->Close();
  db_.reset();
}

void SpoolStore::Reopen() {
  const std::unique_lock lock(db_mutex_);
  failed_ = true;
  CloseDatabase();
  OpenDatabase(ErrorKind::kTransient);
  failed_ = false;
}

rocksdb::ColumnFamilyHandle* SpoolStore::handle(Family family) const {
  if (!db_) throw TransientError("the spool in \"" + path_ + "\" is closed after an error");
  return handles_[static_cast<size_t>(family)];
}

void SpoolStore::Put(rocksdb::WriteBatch* batch, Family family, std::string_view key,
                     std::string_view value) {
  // A batch keeps only the family's number, which is the same after every Reopen().
  const std::shared_lock lock(db_mutex_);
  batch->Put(handle(family), key, value);
}

void SpoolStore::Delete(rocksdb::WriteBatch* batch, Family family, std::string_view key) {
  const std::shared_lock lock(db_mutex_);
  batch->Delete(handle(family), key);
}

void SpoolStore::DeleteRange(rocksdb::WriteBatch* batch, Family family, std::string_view begin,
                             std::string_view end) {
  const std::shared_lock lock(db_mutex_);
  batch->DeleteRange(handle(family), begin, end);
}

void SpoolStore::Write(rocksdb::WriteBatch* batch, bool sync) {
  const std::shared_lock lock(db_mutex_);
  handle(Family::kMeta);  // Throws when the store is closed.
  BW_CHECK(access_ == StoreAccess::kWrite);
  // Even if RocksDB would accept it: this write may depend on the one that failed.
  if (failed()) throw TransientError("the spool in \"" + path_ + "\" must be reopened first");
  rocksdb::WriteOptions options;
  options.sync = sync;
  const rocksdb::Status status = db_->Write(options, batch);
  if (!status.ok()) {
    failed_ = true;
    throw TransientError("the spool in \"" + path_ + "\" cannot be written: " + status.ToString());
  }
}

std::optional<std::string> SpoolStore::Get(Family family, std::string_view key) {
  const std::shared_lock lock(db_mutex_);
  std::string value;
  rocksdb::ColumnFamilyHandle* const column_family = handle(family);
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), column_family, key, &value);
  if (status.IsNotFound()) return std::nullopt;
  Check(status, path_, "read");
  return value;
}

void SpoolStore::Scan(Family family, std::string_view begin, std::string_view end,
                      const Visitor& visit) {
  const std::shared_lock lock(db_mutex_);
  rocksdb::ColumnFamilyHandle* const column_family = handle(family);
  const Slice upper = end;
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  // Bounded on both sides: a search from the start would have to step over the deleted ranges of a
  // drained prefix.
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(options, column_family));
  for (iterator->Seek(begin); iterator->Valid(); iterator->Next()) {
    if (!visit(iterator->key().ToStringView(), iterator->value().ToStringView())) return;
  }
  Check(iterator->status(), path_, "read");
}

bool SpoolStore::MayExist(Family family, std::string_view key) {
  const std::shared_lock lock(db_mutex_);
  std::string unused;
  return db_ == nullptr || db_->KeyMayExist(rocksdb::ReadOptions(), handle(family), key, &unused);
}

uint64_t SpoolStore::EstimateBytes(Family family, std::string_view begin, std::string_view end) {
  const std::shared_lock lock(db_mutex_);
  if (db_ == nullptr) return 0;
  const rocksdb::Range range(begin, end);
  rocksdb::SizeApproximationOptions what;
  what.include_memtables = true;
  what.include_files = true;
  uint64_t bytes = 0;
  const rocksdb::Status status = db_->GetApproximateSizes(what, handle(family), &range, 1, &bytes);
  return status.ok() ? bytes : 0;
}

uint64_t SpoolStore::EstimateEntries(Family family, std::string_view begin, std::string_view end) {
  const std::shared_lock lock(db_mutex_);
  if (db_ == nullptr) return 0;
  const rocksdb::Range range(begin, end);
  uint64_t in_memory = 0;
  uint64_t memory_bytes = 0;
  db_->GetApproximateMemTableStats(handle(family), range, &in_memory, &memory_bytes);
  rocksdb::TablePropertiesCollection files;
  if (!db_->GetPropertiesOfTablesInRange(handle(family), &range, 1, &files).ok()) return in_memory;
  uint64_t in_files = 0;
  for (const auto& [name, properties] : files) in_files += properties->num_entries;
  return in_memory + in_files;
}

std::optional<std::string> SpoolStore::EndOfFileFrom(Family family, std::string_view key) {
  const std::shared_lock lock(db_mutex_);
  const std::string name = handle(family)->GetName();
  std::vector<rocksdb::LiveFileMetaData> files;
  db_->GetLiveFilesMetaData(&files);
  std::optional<std::string> end;
  for (const rocksdb::LiveFileMetaData& file : files) {
    if (file.column_family_name != name || file.largestkey < key) continue;
    if (!end || file.largestkey < *end) end = file.largestkey;
  }
  return end;
}

uint64_t SpoolStore::WriteStalls() {
  const std::shared_lock lock(db_mutex_);
  if (db_ == nullptr) return 0;
  uint64_t stalls = 0;
  for (rocksdb::ColumnFamilyHandle* const family : handles_) {
    std::map<std::string, std::string> figures;
    db_->GetMapProperty(family, rocksdb::DB::Properties::kCFStats, &figures);
    for (const char* name : {"io_stalls.total_slowdown", "io_stalls.total_stop"}) {
      stalls += std::strtoull(figures[name].c_str(), nullptr, 10);
    }
  }
  return stalls;
}

void SpoolStore::DeleteFiles(Family family, std::string_view begin, std::string_view end) {
  const std::shared_lock lock(db_mutex_);
  const Slice first = begin;
  const Slice last = end;
  Check(rocksdb::DeleteFilesInRange(db_.get(), handle(family), &first, &last, false), path_,
        "trimmed");
}

void SpoolStore::Compact(Family family, std::string_view begin, std::string_view end) {
  const std::shared_lock lock(db_mutex_);
  const Slice first = begin;
  const Slice last = end;
  // All families, because one with data in memory keeps the log of all.
  Check(db_->Flush(rocksdb::FlushOptions(), handles_), path_, "flushed");
  Check(db_->CompactRange(rocksdb::CompactRangeOptions(), handle(family), &first, &last), path_,
        "compacted");
}

void SpoolStore::Reclaim(std::string_view end) {
  {
    const std::shared_lock lock(db_mutex_);
    const Slice last = end;
    rocksdb::ColumnFamilyHandle* const changes = handle(Family::kChanges);
    // All families, because one with data in memory keeps the log of all.
    Check(db_->Flush(rocksdb::FlushOptions(), handles_), path_, "flushed");
    Check(db_->CompactRange(rocksdb::CompactRangeOptions(), changes, nullptr, &last), path_,
          "compacted");
  }
  DeleteFiles("", end);
}

}  // namespace bw
