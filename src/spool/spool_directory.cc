#include "spool/spool_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <rocksdb/env.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/halt.h"

namespace bw {
namespace {

namespace fs = std::filesystem;

// Inspect() holds the lock for a moment.
constexpr int kLockAttempts = 3;
constexpr std::chrono::milliseconds kLockPause{20};

[[noreturn]] void Unusable(const std::string& path, const std::string& problem,
                           const std::string& remedy = "") {
  Halt halt{ExitCode::kSpoolUnusable,
            "spool-directory",
            fmt::format("Spool directory \"{}\" cannot be used: {}.", path, problem),
            "",
            {{"choose another place", "--spool=DIR"}}};
  if (!remedy.empty()) halt.remedies.insert(halt.remedies.begin(), {remedy, ""});
  throw halt.ToError();
}

// Nobody can tell whether there is a spool.
[[noreturn]] void UnusableUnseen(const std::string& path, const std::error_code& error) {
  Unusable(path, "it cannot be read: " + error.message(),
           "run this as the user that runs the relay");
}

std::string WithoutEndingSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

void RequireParent(const std::string& path) {
  std::error_code error;
  const fs::path parent = fs::path(path).parent_path();
  if (parent.empty() || fs::exists(parent, error)) return;
  if (error) UnusableUnseen(path, error);
  Unusable(path, fmt::format("its parent directory \"{}\" does not exist", parent.string()),
           "create it");
}

// False when it is there already.
bool MakeDirectory(const std::string& path) {
  RequireParent(path);
  if (mkdir(path.c_str(), 0700) == 0) return true;
  if (errno == EEXIST) return false;
  Unusable(path, fmt::format("it cannot be created: {}", std::strerror(errno)));
}

// An open directory, so that what was checked is what is changed, even if something is renamed in
// between.
class OpenDirectory {
 public:
  explicit OpenDirectory(const std::string& path)
      : path_(path), fd_(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) {
    if (fd_ >= 0) return;
    struct stat status {};
    if (lstat(path.c_str(), &status) == 0) {
      if (S_ISLNK(status.st_mode)) {
        Unusable(path, "it is a symbolic link", "give the directory itself");
      }
      if (!S_ISDIR(status.st_mode)) Unusable(path, "it is not a directory");
    }
    UnusableUnseen(path, {errno, std::generic_category()});
  }
  ~OpenDirectory() { close(fd_); }
  OpenDirectory(const OpenDirectory&) = delete;
  OpenDirectory& operator=(const OpenDirectory&) = delete;

  int fd() const { return fd_; }
  struct stat Status() const {
    struct stat status {};
    if (fstat(fd_, &status) != 0) Unusable(path_, std::strerror(errno));
    return status;
  }

 private:
  const std::string path_;
  const int fd_;
};

void CheckAccess(const std::string& path, const struct stat& status) {
  if (status.st_uid != geteuid()) {
    Unusable(path,
             fmt::format("it belongs to user id {}, and this process runs as {}", status.st_uid,
                         geteuid()),
             "run as its owner");
  }
  if (access(path.c_str(), W_OK | X_OK) != 0) {
    Unusable(path, fmt::format("it cannot be written: {}", std::strerror(errno)));
  }
  if ((status.st_mode & S_ISVTX) != 0) {
    Unusable(path,
             fmt::format("it is shared with other users (mode {:o})", status.st_mode & 07777));
  }
}

[[noreturn]] void RefuseForeign(const std::string& path, const std::string& name) {
  Unusable(path, fmt::format("it holds \"{}\", which does not belong to a spool", name));
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The names that RocksDB gives its files.
bool IsStoreFile(std::string_view name) {
  for (const std::string_view one : {"CURRENT", "IDENTITY", "LOCK", "LOG"}) {
    if (name == one) return true;
  }
  for (const std::string_view prefix : {"LOG.old.", "MANIFEST-", "OPTIONS-"}) {
    if (name.starts_with(prefix)) return true;
  }
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos || !IsNumber(name.substr(0, dot))) return false;
  const std::string_view suffix = name.substr(dot);
  return suffix == ".sst" || suffix == ".log" || suffix == ".blob" || suffix == ".dbtmp";
}

void RequireStore(const std::string& path, const fs::directory_entry& store) {
  const std::string name = store.path().filename();
  if (store.is_symlink() || !store.is_directory()) RefuseForeign(path, name);
  for (const auto& entry : fs::directory_iterator(store.path())) {
    const std::string file = entry.path().filename();
    if (!IsStoreFile(file)) RefuseForeign(path, name + "/" + file);
  }
}

// CURRENT goes first: without it there is no store, whatever else is left.
void RemoveStore(const fs::path& store) {
  if (!fs::exists(store)) return;
  fs::remove(store / "CURRENT");
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(store)) files.push_back(entry.path());
  for (const fs::path& file : files) {
    if (IsStoreFile(file.filename().string())) fs::remove(file);
  }
  fs::remove(store);
}

// Our lock file holds a process id, or nothing after a crash; we will overwrite it.
void RequireLock(const std::string& path, const fs::directory_entry& lock) {
  if (!lock.is_symlink() && lock.is_regular_file()) {
    char content[32] = {};
    std::ifstream file(lock.path());
    file.read(content, sizeof(content));
    const std::string_view found(content, static_cast<size_t>(file.gcount()));
    if (found.empty() || IsNumber(found)) return;
  }
  RefuseForeign(path, "lock");
}

void CheckForForeignFiles(const std::string& path) {
  for (const auto& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    if (name == "db" || name == "scratch") {
      RequireStore(path, entry);
    } else if (name == "lock") {
      RequireLock(path, entry);
    } else if (name == "admin.sock") {
      if (!entry.is_socket()) RefuseForeign(path, name);
    } else if (name != "lost+found") {
      RefuseForeign(path, name);
    }
  }
}

// The spool holds row data, and a directory created beforehand (a mount point, say) is usually open
// to others.
bool CloseToOthers(const OpenDirectory& directory) {
  return (directory.Status().st_mode & 077) == 0 || fchmod(directory.fd(), 0700) == 0;
}

// Whose it is, and what is in it.
void RequireOurs(const std::string& path, const OpenDirectory& directory) {
  CheckAccess(path, directory.Status());
  try {
    CheckForForeignFiles(path);
  } catch (const fs::filesystem_error& error) {
    UnusableUnseen(path, error.code());
  }
}

[[noreturn]] void RefuseInUse(const std::string& path, int lock_fd) {
  char holder[32] = {};
  const ssize_t size = pread(lock_fd, holder, sizeof(holder) - 1, 0);
  close(lock_fd);
  throw Halt{ExitCode::kAnotherRelay,
             "spool-in-use",
             fmt::format("Spool directory \"{}\" is in use by another relay (process {}).", path,
                         size > 0 ? std::string(holder, static_cast<size_t>(size)) : "unknown"),
             "",
             {{"stop that one", ""},
              {"give this one a spool and a slot of its own", "--spool=DIR, --slot=NAME"}}}
      .ToError();
}

}  // namespace

void SpoolDirectory::Inspect(const std::string& given_path) {
  const std::string path = WithoutEndingSlash(given_path);
  RequireParent(path);
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0 && errno == ENOENT) {
    const std::string parent = fs::absolute(path).parent_path();
    if (access(parent.c_str(), W_OK | X_OK) != 0) {
      Unusable(path, fmt::format("it cannot be created: {}", std::strerror(errno)));
    }
    return;
  }
  const OpenDirectory directory(path);
  RequireOurs(path, directory);
  const int lock_fd = openat(directory.fd(), "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (lock_fd < 0) return;
  if (flock(lock_fd, LOCK_SH | LOCK_NB) != 0) RefuseInUse(path, lock_fd);
  close(lock_fd);
}

// Everything that may be refused is checked before anything is changed: the path may be somebody
// else's directory, given by mistake, and this process may run as root.
SpoolDirectory::SpoolDirectory(const std::string& path) : path_(WithoutEndingSlash(path)) {
  made_directory_ = MakeDirectory(path_);
  const OpenDirectory directory(path_);
  RequireOurs(path_, directory);
  Lock(directory.fd());
  if (CloseToOthers(directory)) return;
  const std::string problem = std::strerror(errno);
  close(lock_fd_);
  Unusable(path_, "others can read it, and that cannot be changed: " + problem);
}

void SpoolDirectory::Lock(int directory_fd) {
  bool is_locked = false;
  for (int attempt = 0; attempt < kLockAttempts && !is_locked; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kLockPause);
    if (lock_fd_ >= 0) close(lock_fd_);
    lock_fd_ = openat(directory_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock_fd_ < 0) {
      Unusable(path_, fmt::format("its lock file cannot be opened: {}", std::strerror(errno)));
    }
    // One whose holder has removed it since it was opened protects nothing.
    struct stat status {};
    is_locked = flock(lock_fd_, LOCK_EX | LOCK_NB) == 0 && fstat(lock_fd_, &status) == 0 &&
                status.st_nlink > 0;
  }
  if (!is_locked) RefuseInUse(path_, std::exchange(lock_fd_, -1));
  const std::string pid = std::to_string(getpid());
  if (ftruncate(lock_fd_, 0) != 0 ||
      pwrite(lock_fd_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // Only a second relay's message lacks the process id then; a full disk must not prevent the
    // start.
  }
}

SpoolDirectory::~SpoolDirectory() {
  // Not after Remove(): what is there then is somebody else's.
  struct stat status {};
  const bool is_ours = fstat(lock_fd_, &status) == 0 && status.st_nlink > 0;
  if (is_ours && lstat((path_ + "/db").c_str(), &status) != 0 && errno == ENOENT) {
    unlink((path_ + "/lock").c_str());
    if (made_directory_) rmdir(path_.c_str());  // Only an empty one.
  }
  close(lock_fd_);
}

bool SpoolDirectory::Remove() {
  try {
    CheckForForeignFiles(path_);
    for (const char* store : {"/db", "/scratch"}) RemoveStore(path_ + store);
    fs::remove(path_ + "/admin.sock");
    fs::remove(path_ + "/lock");
  } catch (const fs::filesystem_error& error) {
    Unusable(path_, "it cannot be deleted: " + error.code().message());
  }
  std::error_code error;
  return fs::remove(path_, error);  // Only an empty one.
}

std::shared_ptr<const SpoolDirectory> HoldDirectory(const SpoolOptions& options) {
  return options.env == nullptr ? std::make_shared<const SpoolDirectory>(options.directory)
                                : nullptr;
}

std::string StorePath(const SpoolOptions& options) {
  return options.env == nullptr ? options.directory + "/db" : options.directory;
}

bool HasStore(const std::string& path, rocksdb::Env* env) {
  const std::string current = path + "/CURRENT";
  if (env != nullptr) return env->FileExists(current).ok();
  std::error_code error;
  const bool exists = fs::exists(current, error);
  if (error) UnusableUnseen(fs::path(path).parent_path(), error);
  return exists;
}

uint64_t FreeBytes(const std::string& path) {
  struct statvfs status {};
  if (statvfs(path.c_str(), &status) != 0) return std::numeric_limits<uint64_t>::max();
  return uint64_t{status.f_bavail} * status.f_frsize;
}

uint64_t DirectoryBytes(const std::string& path, rocksdb::Env* env) {
  uint64_t bytes = 0;
  if (env != nullptr) {
    std::vector<rocksdb::Env::FileAttributes> files;
    env->GetChildrenFileAttributes(path, &files);
    for (const auto& file : files) bytes += file.size_bytes;
    return bytes;
  }
  std::error_code error;
  for (auto it = fs::directory_iterator(path, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    std::error_code gone;  // RocksDB deletes files at any time.
    const uint64_t size = it->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace bw
