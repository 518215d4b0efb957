#pragma once

#include <rocksdb/env.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "simulation/random.h"

namespace bw::simulation {

// A file system in memory that keeps the promises of a real one and no more:
//
// - what was written and not synced is lost in a power loss, wholly, from some byte on, or page by
//   page, as the seed says; a kill -9 loses nothing that was written
// - a new, renamed or deleted name is durable when its directory was synced, or not before
// - after a failed sync the data is still read back, but later syncs do not write it any more
// - any call can fail, and the disk can be full
//
// A crash happens before a given operation or between two: the image that the next process finds is
// taken at that moment, and what the dying process still does changes nothing of it.
//
// Used under RocksDB, whose background jobs it keeps in a queue, for a simulated thread to run.
// Never yields: RocksDB holds mutexes. Not thread-safe but for the clock methods: the baton's
// holder alone uses it.
class SimFileSystem : public rocksdb::EnvWrapper {
 public:
  explicit SimFileSystem(uint64_t seed);
  ~SimFileSystem() override;

  // --- Crashes --------------------------------------------------------------------------------

  enum class Crash { kKill, kPowerLoss };
  // What a power loss leaves of unsynced data.
  enum class Unsynced {
    kDropped,
    kPrefix,  // Up to some byte.
    kPages,   // Each page by itself: written or zero. What a file system without barriers may do.
  };
  void SetUnsynced(Unsynced unsynced) { unsynced_ = unsynced; }
  // Takes the image now, unless a crash already has.
  void TakeImage(Crash crash);
  // Takes it just before the operation with this number, then calls `crashed`.
  void CrashAt(uint64_t operation, Crash crash, std::function<void()> crashed);
  bool crashed() const { return image_ != nullptr; }
  // The next process starts on the image, or on what is there when nothing has crashed. Nothing of
  // the last process may be using the file system any more.
  void Restart();

  // The disk is lost and replaced by an empty one, or by a copy of what it was when Save was
  // called. Between two processes only.
  void Wipe();
  void Save();
  bool Restore();

  // --- Errors ---------------------------------------------------------------------------------

  enum class Failure {
    kInput,   // Reads fail with EIO.
    kOutput,  // Writes and syncs fail with EIO; of a write, a part may be there.
    kFull,    // Writes and new files fail with ENOSPC; of a write, a part may be there.
  };
  // Operations with numbers in [first, first + count) fail, those of the kind that this can hit.
  void FailAt(uint64_t first, uint64_t count, Failure failure);
  void Heal();
  // Whether an operation that comes can fail.
  bool failing() const { return fail_first_ != UINT64_MAX; }
  // Breaks the file system itself, for the mutation that shows that syncs matter.
  void SetSyncLies(bool lies) { sync_lies_ = lies; }

  // Changing operations so far: the numbers above count these.
  uint64_t operations() const { return operations_; }
  uint64_t syncs() const { return syncs_; }
  uint64_t bytes() const;
  // What is free of its capacity, as the relay asks for it; RocksDB is not told.
  void SetCapacity(uint64_t bytes) { capacity_ = bytes; }
  uint64_t free_bytes() const { return capacity_ - std::min(capacity_, bytes()); }
  // Names with sizes, for messages.
  std::string Describe() const;

  // --- RocksDB's background jobs --------------------------------------------------------------

  bool HasJob() const { return !jobs_.empty(); }
  void RunJob();

  // --- rocksdb::Env ---------------------------------------------------------------------------

  const char* Name() const override { return "SimFileSystem"; }
  rocksdb::Status NewSequentialFile(const std::string& path,
                                    std::unique_ptr<rocksdb::SequentialFile>* result,
                                    const rocksdb::EnvOptions& options) override;
  rocksdb::Status NewRandomAccessFile(const std::string& path,
                                      std::unique_ptr<rocksdb::RandomAccessFile>* result,
                                      const rocksdb::EnvOptions& options) override;
  rocksdb::Status NewWritableFile(const std::string& path,
                                  std::unique_ptr<rocksdb::WritableFile>* result,
                                  const rocksdb::EnvOptions& options) override;
  rocksdb::Status ReopenWritableFile(const std::string& path,
                                     std::unique_ptr<rocksdb::WritableFile>* result,
                                     const rocksdb::EnvOptions& options) override;
  rocksdb::Status ReuseWritableFile(const std::string& path, const std::string& old_path,
                                    std::unique_ptr<rocksdb::WritableFile>* result,
                                    const rocksdb::EnvOptions& options) override;
  rocksdb::Status NewRandomRWFile(const std::string& path,
                                  std::unique_ptr<rocksdb::RandomRWFile>* result,
                                  const rocksdb::EnvOptions& options) override;
  rocksdb::Status NewDirectory(const std::string& path,
                               std::unique_ptr<rocksdb::Directory>* result) override;
  rocksdb::Status FileExists(const std::string& path) override;
  rocksdb::Status GetChildren(const std::string& path, std::vector<std::string>* result) override;
  rocksdb::Status GetChildrenFileAttributes(const std::string& path,
                                            std::vector<FileAttributes>* result) override;
  rocksdb::Status DeleteFile(const std::string& path) override;
  rocksdb::Status Truncate(const std::string& path, size_t size) override;
  rocksdb::Status CreateDir(const std::string& path) override;
  rocksdb::Status CreateDirIfMissing(const std::string& path) override;
  rocksdb::Status DeleteDir(const std::string& path) override;
  rocksdb::Status GetFileSize(const std::string& path, uint64_t* size) override;
  rocksdb::Status GetFileModificationTime(const std::string& path, uint64_t* time) override;
  rocksdb::Status RenameFile(const std::string& from, const std::string& to) override;
  rocksdb::Status LinkFile(const std::string& from, const std::string& to) override;
  rocksdb::Status NumFileLinks(const std::string& path, uint64_t* count) override;
  rocksdb::Status AreFilesSame(const std::string& a, const std::string& b, bool* same) override;
  rocksdb::Status LockFile(const std::string& path, rocksdb::FileLock** lock) override;
  rocksdb::Status UnlockFile(rocksdb::FileLock* lock) override;
  rocksdb::Status IsDirectory(const std::string& path, bool* is_directory) override;
  rocksdb::Status NewLogger(const std::string& path,
                            std::shared_ptr<rocksdb::Logger>* result) override;
  rocksdb::Status GetAbsolutePath(const std::string& path, std::string* absolute) override;
  rocksdb::Status GetFreeSpace(const std::string& path, uint64_t* free) override;
  void Schedule(void (*run)(void*), void* argument, Priority priority, void* tag,
                void (*unscheduled)(void*)) override;
  int UnSchedule(void* tag, Priority priority) override;
  unsigned int GetThreadPoolQueueLen(Priority priority) const override;
  int ReserveThreads(int threads, Priority) override { return threads; }
  int ReleaseThreads(int threads, Priority) override { return threads; }
  void SetBackgroundThreads(int, Priority) override {}
  int GetBackgroundThreads(Priority) override { return 1; }
  void IncBackgroundThreadsIfNeeded(int, Priority) override {}
  uint64_t NowMicros() override { return now_micros_.fetch_add(1); }
  uint64_t NowNanos() override { return NowMicros() * 1000; }
  rocksdb::Status GetCurrentTime(int64_t* seconds) override;
  void SleepForMicroseconds(int) override {}
  std::string GenerateUniqueId() override;

 private:
  friend class SimWritableFile;
  friend class SimReadableFile;
  friend class SimDirectory;

  struct Range {
    size_t begin = 0;
    size_t end = 0;
  };
  struct Inode {
    std::string data;
    size_t synced = 0;        // Bytes that a power loss leaves.
    std::vector<Range> lost;  // Below synced, but only in memory: their sync failed.
  };
  // Inodes are shared by open files, both maps, and links.
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  // A change of a name that its directory's sync has not made durable yet, in order. Without an
  // inode the name goes.
  struct NameChange {
    std::string path;
    std::shared_ptr<Inode> inode;
  };
  struct Job {
    void (*run)(void*);
    void* argument;
    Priority priority;
    void* tag;
    void (*unscheduled)(void*);
  };

  // Counts an operation, crashes if it is time, and says how it fails, if it does.
  rocksdb::Status Operate(const std::string& path, bool writes);
  rocksdb::Status ReadFailure(const std::string& path) const;
  rocksdb::Status Append(const std::string& path, Inode* inode, const rocksdb::Slice& data);
  rocksdb::Status Sync(const std::string& path, Inode* inode);
  rocksdb::Status SyncDirectory(const std::string& path);
  void SetName(const std::string& path, std::shared_ptr<Inode> inode);
  std::shared_ptr<Inode> Find(const std::string& path) const;
  void SyncNames(Names* durable, const std::string& directory);
  std::unique_ptr<Names> PageCache() const;
  std::unique_ptr<Names> AfterPowerLoss();
  std::string DurableContent(const Inode& inode);

  Random random_;
  Names names_;          // As running processes see it.
  Names durable_names_;  // As of the directories' last syncs.
  std::vector<NameChange> unsynced_names_;
  std::map<std::string, bool> directories_;
  std::map<std::string, bool> locks_;
  std::unique_ptr<Names> image_;
  std::unique_ptr<Names> saved_;

  uint64_t operations_ = 0;
  uint64_t syncs_ = 0;
  uint64_t crash_at_ = UINT64_MAX;
  Crash crash_ = Crash::kKill;
  std::function<void()> on_crash_;
  Unsynced unsynced_ = Unsynced::kPrefix;
  uint64_t fail_first_ = UINT64_MAX;
  uint64_t fail_count_ = 0;
  Failure failure_ = Failure::kOutput;
  bool sync_lies_ = false;
  uint64_t capacity_ = uint64_t{1} << 40;

  std::deque<Job> jobs_;
  std::atomic<uint64_t> now_micros_{1'700'000'000'000'000};
  uint64_t unique_ids_ = 0;
};

}  // namespace bw::simulation
