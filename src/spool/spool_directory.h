#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "spool/spool_options.h"

namespace rocksdb {
class Env;
}

namespace bw {

// A spool's directory: 0700, ours, and held by one process at a time.
//
//   <directory>/lock   locked with flock(2) while a relay runs; holds its process id
//   <directory>/admin.sock   the admin endpoint's socket (src/admin), while a relay runs
//   <directory>/db/    RocksDB
//   <directory>/scratch/   a ScratchSet, while there is one
//
// The lock is held as long as the object lives. The kernel releases the lock of a process that
// dies. Where no store was made, the destructor removes the lock file, and the directory if the
// constructor has made it.
class SpoolDirectory {
 public:
  // Creates the directory if it is missing; makes an empty one, or a spool's, inaccessible to
  // others. Throws Halt: kSpoolUnusable when it cannot be created or written, is a symbolic link,
  // belongs to somebody else, is shared (sticky) or holds foreign files; kAnotherRelay when another
  // process holds the lock. A directory that is refused is left unchanged.
  explicit SpoolDirectory(const std::string& path);
  // Throws what that would throw, and changes nothing: neither a directory nor a lock file is
  // created.
  static void Inspect(const std::string& path);
  ~SpoolDirectory();
  SpoolDirectory(const SpoolDirectory&) = delete;
  SpoolDirectory& operator=(const SpoolDirectory&) = delete;

  std::string scratch_path() const { return path_ + "/scratch"; }

  // Deletes the spool, which nobody may have open: its files, and then the directory. Returns false
  // when the directory itself stays: it is a mount point, holds lost+found, or its parent belongs
  // to somebody else. Throws Halt kSpoolUnusable; deletes nothing when there are foreign files. A
  // repeat after a crash or an error ends the work.
  bool Remove();

 private:
  void Lock(int directory_fd);

  std::string path_;
  bool made_directory_ = false;
  int lock_fd_ = -1;
};

// Bytes that are free for us in the machine's file system at `path`; the maximum when unknown.
uint64_t FreeBytes(const std::string& path);

// Null under a simulated file system, which has no SpoolDirectory.
std::shared_ptr<const SpoolDirectory> HoldDirectory(const SpoolOptions& options);

// The store's path. A simulated file system has no SpoolDirectory.
std::string StorePath(const SpoolOptions& options);

// In `env`, or without one in the machine's file system:

// Whether there is a store in this directory. Throws Halt kSpoolUnusable when that cannot be seen.
bool HasStore(const std::string& path, rocksdb::Env* env);
// Bytes of the files directly in `path`.
uint64_t DirectoryBytes(const std::string& path, rocksdb::Env* env);

}  // namespace bw
