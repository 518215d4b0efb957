#include "simulation/sim_file_system.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace bw::simulation {

using rocksdb::EnvOptions;
using rocksdb::Slice;
using rocksdb::Status;

namespace {

constexpr size_t kPage = 4096;

std::string Normal(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  for (size_t at = path.find("//"); at != std::string::npos; at = path.find("//")) {
    path.erase(at, 1);
  }
  return path;
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

Status NotFound(const std::string& path) { return Status::PathNotFound(path, "simulated ENOENT"); }

class SilentLogger : public rocksdb::Logger {
 public:
  SilentLogger() : Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
  size_t GetLogFileSize() const override { return 0; }
};

struct SimLock : rocksdb::FileLock {
  explicit SimLock(std::string locked_path) : path(std::move(locked_path)) {}
  std::string path;
};

}  // namespace

class SimWritableFile : public rocksdb::WritableFile {
 public:
  SimWritableFile(SimFileSystem* fs, std::string path, std::shared_ptr<SimFileSystem::Inode> inode)
      : fs_(fs), path_(std::move(path)), inode_(std::move(inode)) {}

  using rocksdb::WritableFile::Append;
  Status Append(const Slice& data) override { return fs_->Append(path_, inode_.get(), data); }
  Status Truncate(uint64_t size) override {
    if (Status failure = fs_->Operate(path_, true); !failure.ok()) return failure;
    inode_->data.resize(size);
    inode_->synced = std::min<size_t>(inode_->synced, size);
    return Status::OK();
  }
  Status Close() override { return Status::OK(); }
  Status Flush() override { return Status::OK(); }
  Status Sync() override { return fs_->Sync(path_, inode_.get()); }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize() override { return inode_->data.size(); }

 private:
  SimFileSystem* const fs_;
  const std::string path_;
  const std::shared_ptr<SimFileSystem::Inode> inode_;
};

class SimReadableFile : public rocksdb::RandomAccessFile, public rocksdb::SequentialFile {
 public:
  SimReadableFile(SimFileSystem* fs, std::string path, std::shared_ptr<SimFileSystem::Inode> inode)
      : fs_(fs), path_(std::move(path)), inode_(std::move(inode)) {}

  Status Read(uint64_t offset, size_t size, Slice* result, char* scratch) const override {
    if (Status failure = fs_->ReadFailure(path_); !failure.ok()) return failure;
    const std::string& data = inode_->data;
    const size_t begin = std::min<size_t>(offset, data.size());
    const size_t count = std::min(size, data.size() - begin);
    std::memcpy(scratch, data.data() + begin, count);
    *result = Slice(scratch, count);
    return Status::OK();
  }
  Status Read(size_t size, Slice* result, char* scratch) override {
    const Status status = Read(at_, size, result, scratch);
    if (status.ok()) at_ += result->size();
    return status;
  }
  Status Skip(uint64_t count) override {
    at_ += count;
    return Status::OK();
  }
  bool use_direct_io() const override { return false; }
  size_t GetRequiredBufferAlignment() const override { return kPage; }
  Status InvalidateCache(size_t, size_t) override { return Status::OK(); }

 private:
  SimFileSystem* const fs_;
  const std::string path_;
  const std::shared_ptr<SimFileSystem::Inode> inode_;
  uint64_t at_ = 0;
};

class SimDirectory : public rocksdb::Directory {
 public:
  SimDirectory(SimFileSystem* fs, std::string path) : fs_(fs), path_(std::move(path)) {}
  Status Fsync() override { return fs_->SyncDirectory(path_); }
  Status Close() override { return Status::OK(); }

 private:
  SimFileSystem* const fs_;
  const std::string path_;
};

SimFileSystem::SimFileSystem(uint64_t seed) : EnvWrapper(rocksdb::Env::Default()), random_(seed) {
  directories_["/"] = true;
}

SimFileSystem::~SimFileSystem() = default;

// --- Crashes ---

void SimFileSystem::TakeImage(Crash crash) {
  if (image_) return;
  crash_at_ = UINT64_MAX;
  image_ = crash == Crash::kKill ? PageCache() : AfterPowerLoss();
  if (crash == Crash::kPowerLoss) {
    // What is there after a power loss is what is on the disk.
    durable_names_ = *image_;
    unsynced_names_.clear();
    for (auto& [path, inode] : *image_) {
      inode->synced = inode->data.size();
      inode->lost.clear();
    }
  }
}

void SimFileSystem::CrashAt(uint64_t operation, Crash crash, std::function<void()> crashed) {
  crash_at_ = operation;
  crash_ = crash;
  on_crash_ = std::move(crashed);
}

void SimFileSystem::Restart() {
  BW_CHECK(jobs_.empty());
  if (image_) names_ = std::move(*image_);
  image_.reset();
  locks_.clear();
}

void SimFileSystem::Wipe() {
  BW_CHECK(jobs_.empty());
  image_ = std::make_unique<Names>();
  durable_names_.clear();
  unsynced_names_.clear();
}

// As a backup of a stopped relay: everything is synced.
void SimFileSystem::Save() {
  saved_ = std::make_unique<Names>();
  for (const auto& [path, inode] : image_ ? *image_ : names_) {
    auto copy = std::make_shared<Inode>();
    copy->data = inode->data;
    copy->synced = copy->data.size();
    (*saved_)[path] = std::move(copy);
  }
}

bool SimFileSystem::Restore() {
  if (!saved_) return false;
  Wipe();
  image_ = std::move(saved_);
  durable_names_ = *image_;
  return true;
}

// Copies the inodes, so that the dying process's writes do not reach the image; the unsynced state
// stays as it is, since the kernel lives on.
std::unique_ptr<SimFileSystem::Names> SimFileSystem::PageCache() const {
  std::map<const Inode*, std::shared_ptr<Inode>> copies;
  const auto copy = [&](const std::shared_ptr<Inode>& inode) -> std::shared_ptr<Inode> {
    if (!inode) return nullptr;
    auto& found = copies[inode.get()];
    if (!found) found = std::make_shared<Inode>(*inode);
    return found;
  };
  auto image = std::make_unique<Names>();
  for (const auto& [path, inode] : names_) (*image)[path] = copy(inode);
  auto* const self = const_cast<SimFileSystem*>(this);
  for (auto& [path, inode] : self->durable_names_) inode = copy(inode);
  for (NameChange& change : self->unsynced_names_) change.inode = copy(change.inode);
  return image;
}

std::unique_ptr<SimFileSystem::Names> SimFileSystem::AfterPowerLoss() {
  // A journal keeps the order of the changes: some first ones of those not synced may be there.
  Names names = durable_names_;
  const size_t kept =
      unsynced_ == Unsynced::kDropped ? 0 : random_.Below(unsynced_names_.size() + 1);
  for (size_t i = 0; i < kept; ++i) {
    const NameChange& change = unsynced_names_[i];
    if (change.inode) {
      names[change.path] = change.inode;
    } else {
      names.erase(change.path);
    }
  }
  std::map<const Inode*, std::shared_ptr<Inode>> copies;
  auto image = std::make_unique<Names>();
  for (const auto& [path, inode] : names) {
    auto& found = copies[inode.get()];
    if (!found) {
      found = std::make_shared<Inode>();
      found->data = DurableContent(*inode);
    }
    (*image)[path] = found;
  }
  return image;
}

std::string SimFileSystem::DurableContent(const Inode& inode) {
  const std::string& data = inode.data;
  const size_t unsynced = data.size() - inode.synced;
  std::string content = data.substr(0, inode.synced);
  if (unsynced > 0 && unsynced_ == Unsynced::kPrefix) {
    // Often all or nothing: both are the edges.
    const uint64_t dice = random_.Below(4);
    const size_t more = dice == 0 ? 0 : dice == 1 ? unsynced : random_.Below(unsynced + 1);
    content += data.substr(inode.synced, more);
  } else if (unsynced > 0 && unsynced_ == Unsynced::kPages) {
    content = data;
    size_t end = inode.synced;
    for (size_t begin = inode.synced; begin < data.size();) {
      const size_t next = std::min(data.size(), (begin / kPage + 1) * kPage);
      if (random_.Chance(500)) {
        end = next;
      } else {
        std::fill(content.begin() + static_cast<ptrdiff_t>(begin),
                  content.begin() + static_cast<ptrdiff_t>(next), '\0');
      }
      begin = next;
    }
    content.resize(end);
  }
  for (const Range& range : inode.lost) {
    const size_t end = std::min(range.end, content.size());
    if (range.begin >= end) continue;
    if (end == content.size()) {
      content.resize(range.begin);
    } else {
      std::fill(content.begin() + static_cast<ptrdiff_t>(range.begin),
                content.begin() + static_cast<ptrdiff_t>(end), '\0');
    }
  }
  return content;
}

// --- Errors ---

void SimFileSystem::FailAt(uint64_t first, uint64_t count, Failure failure) {
  fail_first_ = first;
  fail_count_ = count;
  failure_ = failure;
}

void SimFileSystem::Heal() { fail_first_ = UINT64_MAX; }

Status SimFileSystem::Operate(const std::string& path, bool writes) {
  const uint64_t operation = operations_++;
  if (operation == crash_at_ && !image_) {
    TakeImage(crash_);
    if (on_crash_) on_crash_();
  }
  if (!writes || operation < fail_first_ || operation - fail_first_ >= fail_count_) {
    return Status::OK();
  }
  switch (failure_) {
    case Failure::kInput:
      return Status::OK();
    case Failure::kOutput:
      return Status::IOError(path, "simulated EIO");
    case Failure::kFull:
      return Status::NoSpace(path, "simulated ENOSPC");
  }
  return Status::OK();
}

Status SimFileSystem::ReadFailure(const std::string& path) const {
  if (failure_ != Failure::kInput || operations_ < fail_first_ ||
      operations_ - fail_first_ >= fail_count_) {
    return Status::OK();
  }
  return Status::IOError(path, "simulated EIO");
}

Status SimFileSystem::Append(const std::string& path, Inode* inode, const Slice& data) {
  const Status failure = Operate(path, true);
  const size_t written = failure.ok() ? data.size() : random_.Below(data.size() + 1);
  inode->data.append(data.data(), written);
  return failure;
}

Status SimFileSystem::Sync(const std::string& path, Inode* inode) {
  Status failure = Operate(path, true);
  ++syncs_;
  if (failure.IsNoSpace()) failure = Status::OK();  // The blocks were reserved by the write.
  if (sync_lies_) return failure;
  if (!failure.ok()) inode->lost.push_back({inode->synced, inode->data.size()});
  inode->synced = inode->data.size();
  return failure;
}

// --- Names ---

std::shared_ptr<SimFileSystem::Inode> SimFileSystem::Find(const std::string& path) const {
  const auto found = names_.find(Normal(path));
  return found == names_.end() ? nullptr : found->second;
}

void SimFileSystem::SetName(const std::string& path, std::shared_ptr<Inode> inode) {
  if (inode) {
    names_[path] = inode;
  } else {
    names_.erase(path);
  }
  // After a crash the list belongs to the image.
  if (!image_) unsynced_names_.push_back({path, std::move(inode)});
}

Status SimFileSystem::SyncDirectory(const std::string& path) {
  Status failure = Operate(path, true);
  ++syncs_;
  if (failure.IsNoSpace()) failure = Status::OK();  // As in Sync.
  if (!failure.ok() || image_ || sync_lies_) return failure;
  std::erase_if(unsynced_names_, [&](const NameChange& change) {
    if (DirectoryOf(change.path) != path) return false;
    if (change.inode) {
      durable_names_[change.path] = change.inode;
    } else {
      durable_names_.erase(change.path);
    }
    return true;
  });
  return Status::OK();
}

uint64_t SimFileSystem::bytes() const {
  uint64_t total = 0;
  for (const auto& [path, inode] : names_) total += inode->data.size();
  return total;
}

std::string SimFileSystem::Describe() const {
  std::string text;
  for (const auto& [path, inode] : names_) {
    text += path + " " + std::to_string(inode->data.size()) + " (synced " +
            std::to_string(inode->synced) + ")\n";
  }
  return text;
}

// --- Jobs ---

void SimFileSystem::Schedule(void (*run)(void*), void* argument, Priority priority, void* tag,
                             void (*unscheduled)(void*)) {
  jobs_.push_back({run, argument, priority, tag, unscheduled});
}

void SimFileSystem::RunJob() {
  if (jobs_.empty()) return;
  const Job job = jobs_.front();
  jobs_.pop_front();
  job.run(job.argument);
}

int SimFileSystem::UnSchedule(void* tag, Priority priority) {
  int count = 0;
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    if (job->tag != tag || job->priority != priority) {
      ++job;
      continue;
    }
    if (job->unscheduled != nullptr) job->unscheduled(job->argument);
    job = jobs_.erase(job);
    ++count;
  }
  return count;
}

unsigned int SimFileSystem::GetThreadPoolQueueLen(Priority priority) const {
  return static_cast<unsigned int>(std::count_if(
      jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.priority == priority; }));
}

// --- rocksdb::Env ---

Status SimFileSystem::NewSequentialFile(const std::string& path,
                                        std::unique_ptr<rocksdb::SequentialFile>* result,
                                        const EnvOptions&) {
  const auto inode = Find(path);
  if (!inode) return NotFound(path);
  if (Status failure = ReadFailure(path); !failure.ok()) return failure;
  *result = std::make_unique<SimReadableFile>(this, path, inode);
  return Status::OK();
}

Status SimFileSystem::NewRandomAccessFile(const std::string& path,
                                          std::unique_ptr<rocksdb::RandomAccessFile>* result,
                                          const EnvOptions&) {
  const auto inode = Find(path);
  if (!inode) return NotFound(path);
  if (Status failure = ReadFailure(path); !failure.ok()) return failure;
  *result = std::make_unique<SimReadableFile>(this, path, inode);
  return Status::OK();
}

Status SimFileSystem::NewWritableFile(const std::string& path,
                                      std::unique_ptr<rocksdb::WritableFile>* result,
                                      const EnvOptions&) {
  if (Status failure = Operate(path, true); !failure.ok()) return failure;
  auto inode = std::make_shared<Inode>();
  SetName(Normal(path), inode);
  *result = std::make_unique<SimWritableFile>(this, path, inode);
  return Status::OK();
}

Status SimFileSystem::ReopenWritableFile(const std::string& path,
                                         std::unique_ptr<rocksdb::WritableFile>* result,
                                         const EnvOptions& options) {
  const auto inode = Find(path);
  if (!inode) return NewWritableFile(path, result, options);
  if (Status failure = Operate(path, true); !failure.ok()) return failure;
  *result = std::make_unique<SimWritableFile>(this, path, inode);
  return Status::OK();
}

Status SimFileSystem::ReuseWritableFile(const std::string&, const std::string&,
                                        std::unique_ptr<rocksdb::WritableFile>*,
                                        const EnvOptions&) {
  return Status::NotSupported("the spool never recycles files");
}

Status SimFileSystem::NewRandomRWFile(const std::string&, std::unique_ptr<rocksdb::RandomRWFile>*,
                                      const EnvOptions&) {
  return Status::NotSupported("the spool never rewrites files");
}

Status SimFileSystem::NewDirectory(const std::string& path,
                                   std::unique_ptr<rocksdb::Directory>* result) {
  if (!directories_.contains(Normal(path))) return NotFound(path);
  *result = std::make_unique<SimDirectory>(this, Normal(path));
  return Status::OK();
}

Status SimFileSystem::FileExists(const std::string& path) {
  return Find(path) || directories_.contains(Normal(path)) ? Status::OK() : Status::NotFound(path);
}

Status SimFileSystem::GetChildren(const std::string& path, std::vector<std::string>* result) {
  result->clear();
  const std::string directory = Normal(path);
  if (!directories_.contains(directory)) return Status::NotFound(path);
  for (const auto& [name, inode] : names_) {
    if (DirectoryOf(name) == directory) result->push_back(name.substr(name.rfind('/') + 1));
  }
  return Status::OK();
}

Status SimFileSystem::GetChildrenFileAttributes(const std::string& path,
                                                std::vector<FileAttributes>* result) {
  std::vector<std::string> children;
  if (Status status = GetChildren(path, &children); !status.ok()) return status;
  result->clear();
  for (const std::string& child : children) {
    FileAttributes attributes;
    attributes.name = child;
    attributes.size_bytes = Find(Normal(path) + "/" + child)->data.size();
    result->push_back(attributes);
  }
  return Status::OK();
}

Status SimFileSystem::DeleteFile(const std::string& path) {
  if (!Find(path)) return NotFound(path);
  Operate(path, false).PermitUncheckedError();
  SetName(Normal(path), nullptr);
  return Status::OK();
}

Status SimFileSystem::Truncate(const std::string& path, size_t size) {
  const auto inode = Find(path);
  if (!inode) return NotFound(path);
  if (Status failure = Operate(path, true); !failure.ok()) return failure;
  inode->data.resize(size);
  inode->synced = std::min(inode->synced, size);
  return Status::OK();
}

// Directories are durable at once: the spool makes its own before anything depends on it.
Status SimFileSystem::CreateDir(const std::string& path) {
  if (directories_.contains(Normal(path))) return Status::IOError(path, "simulated EEXIST");
  return CreateDirIfMissing(path);
}

Status SimFileSystem::CreateDirIfMissing(const std::string& path) {
  directories_[Normal(path)] = true;
  return Status::OK();
}

Status SimFileSystem::DeleteDir(const std::string& path) {
  directories_.erase(Normal(path));
  return Status::OK();
}

Status SimFileSystem::GetFileSize(const std::string& path, uint64_t* size) {
  const auto inode = Find(path);
  if (!inode) return NotFound(path);
  *size = inode->data.size();
  return Status::OK();
}

Status SimFileSystem::GetFileModificationTime(const std::string&, uint64_t* time) {
  *time = 1'700'000'000;
  return Status::OK();
}

Status SimFileSystem::RenameFile(const std::string& from, const std::string& to) {
  const auto inode = Find(from);
  if (!inode) return NotFound(from);
  if (Status failure = Operate(from, true); !failure.ok()) return failure;
  // One change in the journal, so that a crash never leaves neither name: the new name first, and
  // two names for one file do no harm.
  SetName(Normal(to), inode);
  SetName(Normal(from), nullptr);
  return Status::OK();
}

Status SimFileSystem::LinkFile(const std::string& from, const std::string& to) {
  const auto inode = Find(from);
  if (!inode) return NotFound(from);
  if (Status failure = Operate(from, true); !failure.ok()) return failure;
  SetName(Normal(to), inode);
  return Status::OK();
}

Status SimFileSystem::NumFileLinks(const std::string& path, uint64_t* count) {
  const auto inode = Find(path);
  if (!inode) return NotFound(path);
  *count = static_cast<uint64_t>(std::count_if(
      names_.begin(), names_.end(), [&](const auto& name) { return name.second == inode; }));
  return Status::OK();
}

Status SimFileSystem::AreFilesSame(const std::string& a, const std::string& b, bool* same) {
  *same = Find(a) == Find(b);
  return Status::OK();
}

Status SimFileSystem::LockFile(const std::string& path, rocksdb::FileLock** lock) {
  *lock = nullptr;
  if (!locks_.emplace(Normal(path), true).second) return Status::IOError(path, "already locked");
  if (!Find(path)) SetName(Normal(path), std::make_shared<Inode>());
  *lock = new SimLock(Normal(path));
  return Status::OK();
}

Status SimFileSystem::UnlockFile(rocksdb::FileLock* lock) {
  const std::unique_ptr<SimLock> owned(static_cast<SimLock*>(lock));
  locks_.erase(owned->path);
  return Status::OK();
}

Status SimFileSystem::IsDirectory(const std::string& path, bool* is_directory) {
  *is_directory = directories_.contains(Normal(path));
  return *is_directory || Find(path) ? Status::OK() : NotFound(path);
}

Status SimFileSystem::NewLogger(const std::string&, std::shared_ptr<rocksdb::Logger>* result) {
  *result = std::make_shared<SilentLogger>();
  return Status::OK();
}

Status SimFileSystem::GetAbsolutePath(const std::string& path, std::string* absolute) {
  *absolute = Normal(path);
  return Status::OK();
}

// RocksDB 7.8 asks after ENOSPC, every five seconds on a thread of its own, and resumes when there
// is space: in the real relay Reopen() is faster, here the thread would run beside the baton.
Status SimFileSystem::GetFreeSpace(const std::string& path, uint64_t*) {
  return Status::NotSupported(path);
}

Status SimFileSystem::GetCurrentTime(int64_t* seconds) {
  *seconds = static_cast<int64_t>(now_micros_.load() / 1'000'000);
  return Status::OK();
}

std::string SimFileSystem::GenerateUniqueId() {
  std::string digits = std::to_string(++unique_ids_);
  digits.insert(0, 12 - std::min<size_t>(12, digits.size()), '0');
  return "00000000-0000-4000-8000-" + digits;
}

}  // namespace bw::simulation
