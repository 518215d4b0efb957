#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <vector>

#include "admin/admin_client.h"
#include "base/byte_size.h"
#include "base/format.h"
#include "base/log.h"
#include "preflight/preflight.h"
#include "spool/spool_directory.h"

namespace bw {
namespace {

namespace fs = std::filesystem;

constexpr int kSyncs = 20;
constexpr auto kSlowSync = std::chrono::milliseconds(20);
// Fewer hours of an outage than most people expect.
constexpr uint64_t kFewBytes = kGiB;

// The directory, or the nearest one above it that exists: where it would be made.
std::string ExistingPlace(const std::string& directory) {
  std::error_code error;
  fs::path place = fs::absolute(directory, error);
  while (!fs::exists(place, error) && place.has_parent_path() && place != place.parent_path()) {
    place = place.parent_path();
  }
  return place;
}

// The median time of a small write with fsync, in a file that is never visible. Throws an Error
// when nothing can be written.
std::chrono::microseconds TimeOfSync(const std::string& place) {
  const int fd = open(place.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {
    throw Error(ErrorKind::kHalt,
                fmt::format("cannot write to \"{}\": {}", Printable(place),
                            std::generic_category().message(errno)),
                ExitCode::kSpoolUnusable);
  }
  const std::vector<char> block(4096, 'x');
  std::vector<std::chrono::microseconds> times;
  bool failed = false;
  for (int i = 0; i < kSyncs && !failed; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    failed = write(fd, block.data(), block.size()) < 0 || fdatasync(fd) != 0;
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - begin));
  }
  const std::string reason = std::generic_category().message(errno);
  close(fd);
  if (failed) {
    throw Error(ErrorKind::kHalt,
                fmt::format("cannot write to \"{}\": {}", Printable(place), reason),
                ExitCode::kSpoolUnusable);
  }
  std::ranges::nth_element(times, times.begin() + kSyncs / 2);
  return times[kSyncs / 2];
}

void CheckFileSystem(const std::string& place, Findings* findings) {
  struct statfs system {};
  if (statfs(place.c_str(), &system) != 0) return;
  if (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC) {
    findings->Doubtful(fmt::format(
        "\"{}\" is in memory: a restart of the machine loses the spool, and with it changes that "
        "PostgreSQL was told to forget. Use a disk",
        Printable(place)));
  } else if (system.f_type == NFS_SUPER_MAGIC) {
    findings->Doubtful(fmt::format(
        "\"{}\" is on NFS, whose locks and fsync are only as good as its server: use a local disk",
        Printable(place)));
  }
}

void CheckRoom(const SpoolOptions& options, const std::string& place, Findings* findings) {
  const uint64_t free = FreeBytes(place);
  const uint64_t room = options.max_bytes == 0 ? free : std::min(free, options.max_bytes);
  const std::string text = fmt::format(
      "\"{}\": {} free{}", Printable(place), FormatSize(free),
      options.max_bytes == 0 ? "" : ", --spool-max-bytes is " + FormatSize(options.max_bytes));
  if (free < options.min_free_bytes) {
    findings->Bad(text + fmt::format("; capture needs {} more than nothing at all: free the disk",
                                     FormatSize(options.min_free_bytes)),
                  ExitCode::kSpoolUnusable);
  } else if (room < kFewBytes) {
    findings->Doubtful(text +
                       ": little for an outage of Kafka; while the spool is full, "
                       "PostgreSQL retains the WAL");
  } else {
    findings->Good(text);
  }
}

void CheckOwner(const std::string& directory, Findings* findings) {
  struct stat status {};
  if (lstat(directory.c_str(), &status) != 0) return;
  if (S_ISLNK(status.st_mode) || !S_ISDIR(status.st_mode)) {
    findings->Bad(fmt::format("\"{}\" is not a directory", Printable(directory)),
                  ExitCode::kSpoolUnusable);
  } else if (status.st_uid != geteuid()) {
    findings->Bad(fmt::format("\"{}\" belongs to another user: chown it, or run as that user",
                              Printable(directory)),
                  ExitCode::kSpoolUnusable);
  }
}

}  // namespace

std::vector<Finding> CheckSpoolPlace(const SpoolOptions& options) {
  Findings findings("Spool");
  CheckOwner(options.directory, &findings);
  const std::string place = ExistingPlace(options.directory);
  findings.Try([&] {
    const auto sync = TimeOfSync(place);
    const std::string text =
        fmt::format("an fsync takes {:.1f} ms", static_cast<double>(sync.count()) / 1e3);
    if (sync > kSlowSync) {
      findings.Doubtful(text + ": each commit waits for one until it is in the spool");
    } else {
      findings.Good(text);
    }
  });
  CheckFileSystem(place, &findings);
  CheckRoom(options, place, &findings);
  findings.Try([&] {
    if (AskRelay(options.directory, "GET", "/livez")) {
      findings.Doubtful(fmt::format("A relay runs on \"{}\"; a second one would be refused",
                                    Printable(options.directory)));
    }
  });
  return findings.Take();
}

}  // namespace bw
