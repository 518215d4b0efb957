#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "spool/spool_options.h"

namespace bw {

enum class StoreAccess { kWrite, kRead };

// RocksDB as the spool uses it: four column families, one writer, concurrent readers. The only
// file, with spool_store.cc, that knows RocksDB's options and status codes. Thread-safe.
//
// What RocksDB 7.8 does not do for us: after an error it neither resumes by itself nor tells what
// reached the disk. So an error is final until Reopen(), which closes and opens the store; the
// caller then reads what is really there.
//
// With StoreAccess::kRead, nothing in the directory is changed, created or locked, and nothing may
// be written. That works beside a process that writes, and shows the store as it was at one moment
// between the beginning and the end of opening it; Reopen() shows a newer moment. The writer
// deletes files at any time, so any read may throw a transient Error, which a Reopen() mends
// (StoreCursor does that). Why RocksDB's OpenForReadOnly and not its OpenAsSecondary: both first
// read the list of files and then the write-ahead logs, and both overlook a log that the writer has
// deleted in between, whose changes are then in files that they do not know: a hole that nothing
// reports. OpenDatabase() therefore checks that no log was deleted while it opened the store, and
// otherwise opens it again. With that check a secondary has no advantage. It needs a directory for
// its log file, and an open file and an index in memory for each of the store's files
// (max_open_files=-1), of which a large spool has ten thousands.
class SpoolStore {
 public:
  // Throws Halt kSpoolUnusable when it cannot be opened, naming what RocksDB found.
  SpoolStore(const SpoolOptions& options, const std::string& path,
             StoreAccess access = StoreAccess::kWrite);

  ~SpoolStore();
  SpoolStore(const SpoolStore&) = delete;
  SpoolStore& operator=(const SpoolStore&) = delete;

  const std::string& path() const { return path_; }
  // Closes and opens again. Throws a transient Error when it cannot be opened now.
  void Reopen();
  // How often it was opened.
  uint64_t times_opened() const { return times_opened_.load(); }
  // A write failed, or the store could not be opened again: only Reopen() helps.
  bool failed() const { return failed_.load(); }

  enum class Family { kMeta, kChanges, kSchemas, kToast };
  // False for kToast of a spool that an older version wrote and that was opened for reading.
  bool Has(Family family);
  // Add to a batch, which stays valid across a Reopen().
  void Put(rocksdb::WriteBatch* batch, Family family, std::string_view key, std::string_view value);
  void Delete(rocksdb::WriteBatch* batch, Family family, std::string_view key);
  void DeleteRange(rocksdb::WriteBatch* batch, Family family, std::string_view begin,
                   std::string_view end);

  // Writes the batch; with `sync`, it and everything written before it is on the disk on return.
  // Throws a transient Error; then the batch may or may not be there, and the store must be
  // reopened before anything else is written.
  void Write(rocksdb::WriteBatch* batch, bool sync);
  // The value, or nothing.
  std::optional<std::string> Get(Family family, std::string_view key);
  // Calls `visit` with each entry of [begin, end) in order until it returns false.
  using Visitor = std::function<bool(std::string_view key, std::string_view value)>;
  void Scan(Family family, std::string_view begin, std::string_view end, const Visitor& visit);
  // False: there is certainly no such key. Looks at what is in memory only.
  bool MayExist(Family family, std::string_view key);
  // About how many bytes [begin, end) takes, in files and in memory.
  uint64_t EstimateBytes(Family family, std::string_view begin, std::string_view end);
  // About how many entries are in [begin, end), deleted ones included; 0 while the store is closed.
  uint64_t EstimateEntries(Family family, std::string_view begin, std::string_view end);
  // How often RocksDB has slowed down or stopped writes since the store was opened, because it
  // could not flush or compact as fast; 0 while the store is closed.
  uint64_t WriteStalls();
  // Frees the files that only hold changes in [begin, end).
  void DeleteFiles(std::string_view begin, std::string_view end) {
    DeleteFiles(Family::kChanges, begin, end);
  }
  // The same of another family. Older versions of keys may come back unless a DeleteRange() of all
  // of it was written before.
  void DeleteFiles(Family family, std::string_view begin, std::string_view end);
  // Frees the space of what was deleted in [begin, end), in memory and in files.
  void Compact(Family family, std::string_view begin, std::string_view end);
  // Like DeleteFiles("", end), but also frees what is in memory, in the log and in files of the
  // first level, which DeleteFiles() skips. Rewrites files that it cannot delete: for when space is
  // short.
  void Reclaim(std::string_view end);
  // The last key of the first file that has keys from `key` on; nothing when there is no such file.
  std::optional<std::string> EndOfFileFrom(Family family, std::string_view key);

 private:
  void OpenDatabase(ErrorKind kind_of_io_errors);
  bool HasToastFamily() const;
  rocksdb::Status OpenForReading(const std::vector<rocksdb::ColumnFamilyDescriptor>& families,
                                 rocksdb::DB** db);
  void CloseDatabase();
  // Throws a transient Error while the store is closed, because a Reopen() failed.
  rocksdb::ColumnFamilyHandle* handle(Family family) const;

  const std::string path_;
  const StoreAccess access_;
  rocksdb::Options options_;
  const rocksdb::ColumnFamilyOptions toast_options_;
  // Shared by every use of db_, exclusive while it is reopened.
  std::shared_mutex db_mutex_;
  std::unique_ptr<rocksdb::DB> db_;
  // Owned by db_; destroyed before it.
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  std::atomic<bool> failed_{false};
  std::atomic<uint64_t> times_opened_{0};
};

}  // namespace bw
