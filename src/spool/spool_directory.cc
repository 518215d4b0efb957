#include "spool/spool_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/error.h"

namespace bw {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Unusable(const std::string& path, const std::string& problem) {
  throw HaltError(ExitCode::kSpoolUnusable,
                  fmt::format("spool directory \"{}\" cannot be used: {}", path, problem));
}

void MakeDirectory(const std::string& path) {
  std::error_code error;
  if (const fs::path parent = fs::path(path).parent_path(); !parent.empty()) {
    if (!fs::exists(parent, error)) {
      Unusable(path, fmt::format("its parent directory \"{}\" does not exist. Create it, or choose "
                                 "another place with --spool=DIR",
                                 parent.string()));
    }
  }
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    Unusable(path, fmt::format("it cannot be made: {}. Choose another place with --spool=DIR",
                               std::strerror(errno)));
  }
}

void CheckOwnership(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) Unusable(path, std::strerror(errno));
  if (S_ISLNK(status.st_mode)) {
    Unusable(path, "it is a symbolic link. Give the directory itself with --spool=DIR");
  }
  if (!S_ISDIR(status.st_mode)) Unusable(path, "it is not a directory");
  if (status.st_uid != geteuid()) {
    Unusable(path, fmt::format("it belongs to user id {}, and this process runs as {}. Run as its "
                               "owner, or choose another place with --spool=DIR",
                               status.st_uid, geteuid()));
  }
  // It holds row data. A directory made beforehand (a mount point, say) is usually open to others.
  if ((status.st_mode & 077) != 0 && chmod(path.c_str(), 0700) != 0) {
    Unusable(path, fmt::format("others can read it (mode {:o}) and that cannot be changed: {}",
                               status.st_mode & 07777, std::strerror(errno)));
  }
  if (access(path.c_str(), W_OK | X_OK) != 0) {
    Unusable(path, fmt::format("it cannot be written: {}", std::strerror(errno)));
  }
}

void CheckForForeignFiles(const std::string& path) {
  for (const auto& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    if (name != "lock" && name != "db" && name != "scratch" && name != "lost+found") {
      Unusable(path, fmt::format("it holds \"{}\", which is not a spool's. Give a directory of its "
                                 "own with --spool=DIR",
                                 name));
    }
  }
}

}  // namespace

SpoolDirectory::SpoolDirectory(const std::string& path) : path_(path) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  MakeDirectory(path_);
  CheckOwnership(path_);
  CheckForForeignFiles(path_);
  lock_fd_ = open((path_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_fd_ < 0) {
    Unusable(path_, fmt::format("its lock file cannot be opened: {}", std::strerror(errno)));
  }
  if (flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const ssize_t size = pread(lock_fd_, holder, sizeof(holder) - 1, 0);
    close(lock_fd_);
    throw HaltError(
        ExitCode::kAnotherRelay,
        fmt::format("spool directory \"{}\" is in use by another relay (process {}). Stop that "
                    "one, or give this one its own --spool and --slot",
                    path_, size > 0 ? std::string(holder, static_cast<size_t>(size)) : "unknown"));
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(lock_fd_, 0) != 0 ||
      pwrite(lock_fd_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // Only the message of a second relay is poorer for it; a full disk must not stop the start.
  }
}

SpoolDirectory::~SpoolDirectory() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

bool SpoolDirectory::Exists(const std::string& path) {
  std::error_code error;
  return fs::exists(fs::path(path) / "db" / "CURRENT", error);
}

uint64_t FreeBytes(const std::string& path) {
  struct statvfs status {};
  if (statvfs(path.c_str(), &status) != 0) return std::numeric_limits<uint64_t>::max();
  return uint64_t{status.f_bavail} * status.f_frsize;
}

uint64_t DirectoryBytes(const std::string& path) {
  uint64_t bytes = 0;
  std::error_code error;
  for (auto it = fs::directory_iterator(path, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    std::error_code gone;  // RocksDB deletes files meanwhile.
    const uint64_t size = it->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace bw
