#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/byte_size.h"
#include "base/format.h"
#include "base/log.h"
#include "preflight/preflight.h"
#include "spool/spool.h"
#include "spool/spool_directory.h"

namespace bw {
namespace {

namespace fs = std::filesystem;

constexpr int kSyncs = 20;
constexpr auto kSlowSync = std::chrono::milliseconds(20);
// Fewer hours of an outage than most people expect.
constexpr uint64_t kFewBytes = kGiB;
// Of a snapshot in the spool, against the tables.
constexpr uint64_t kBestCompression = 8;

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

// Until the snapshot is complete, nothing of it is published and trimmed, so all of it must fit.
// Its rows take about what the tables do, or less by compression.
void CheckSnapshotFits(const SpoolOptions& options, uint64_t free, uint64_t snapshot,
                       Findings* findings) {
  const uint64_t on_disk = free - std::min(free, options.min_free_bytes);
  const bool is_limited = options.max_bytes != 0 && options.max_bytes < on_disk;
  const uint64_t room = is_limited ? options.max_bytes : on_disk;
  if (snapshot <= room) return;
  const std::string text = fmt::format(
      "the first snapshot has to be in the spool as a whole before it is published: the tables "
      "take {}, and the spool has room for {}. {}, choose fewer --tables, or --skip-snapshot",
      FormatSize(snapshot), FormatSize(room),
      is_limited ? "Raise --spool-max-bytes" : "Choose a larger disk with --spool=DIR");
  if (snapshot / kBestCompression > room) {
    findings->Bad(text, ExitCode::kTryAgain);
  } else {
    findings->Doubtful(text);
  }
}

void CheckRoom(const SpoolOptions& options, const std::string& place, const Seen& seen,
               Findings* findings) {
  const uint64_t free = FreeBytes(place);
  const uint64_t room = options.max_bytes == 0 ? free : std::min(free, options.max_bytes);
  const std::string text = fmt::format(
      "\"{}\": {} free{}", Printable(place), FormatSize(free),
      options.max_bytes == 0 ? "" : ", --spool-max-bytes is " + FormatSize(options.max_bytes));
  if (free < options.min_free_bytes) {
    findings->Bad(text + fmt::format("; capture waits until {} are free: free the disk",
                                     FormatSize(options.min_free_bytes)),
                  ExitCode::kTryAgain);
    return;
  }
  CheckSnapshotFits(options, free, seen.snapshot_bytes, findings);
  if (room < kFewBytes) {
    findings->Doubtful(text +
                       ": little for an outage of Kafka; while the spool is full, "
                       "PostgreSQL retains the WAL");
  } else {
    findings->Good(text);
  }
}

}  // namespace

std::vector<Finding> CheckSpoolDirectory(const SpoolOptions& options, Seen* seen) {
  Findings findings("Spool");
  seen->has_spool = true;  // Unless one can see that there is none.
  try {
    seen->has_spool = Spool::Exists(options);
    SpoolDirectory::Inspect(options.directory);
  } catch (const Error& error) {
    seen->spool_in_use = error.exit_code() == ExitCode::kAnotherRelay;
    seen->spool_refused = !seen->spool_in_use;
    findings.Bad(error);
  }
  return findings.Take();
}

std::vector<Finding> CheckSpoolDisk(const SpoolOptions& options, const Seen& seen) {
  if (seen.spool_refused) return {};
  Findings findings("Spool");
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
  CheckRoom(options, place, seen, &findings);
  return findings.Take();
}

}  // namespace bw
