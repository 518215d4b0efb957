#include "admin/process_figures.h"

#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace bw {
namespace {

// The members of /proc/self/stat that are read here (proc(5)).
struct StatLine {
  uint64_t user_ticks = 0;    // Field 14.
  uint64_t system_ticks = 0;  // Field 15.
  uint64_t start_ticks = 0;   // Field 22: since the machine's start.
  uint64_t virtual_bytes = 0;
  uint64_t resident_pages = 0;
};

std::optional<StatLine> ReadStatLine() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  // The second field is the program's name in parentheses; it may hold anything.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  StatLine line;
  fields >> line.user_ticks >> line.system_ticks;
  for (int field = 16; field < 22; ++field) fields >> skipped;
  fields >> line.start_ticks >> line.virtual_bytes >> line.resident_pages;
  return fields ? std::optional(line) : std::nullopt;
}

double SecondsOf(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::optional<uint64_t> CountOpenFds() {
  std::error_code failed;
  const std::filesystem::directory_iterator files("/proc/self/fd", failed);
  if (failed) return std::nullopt;
  uint64_t count = 0;
  for (auto file = begin(files); file != end(files) && !failed; file.increment(failed)) ++count;
  // One of them is the directory that is being read.
  return count == 0 || failed ? std::nullopt : std::optional(count - 1);
}

}  // namespace

ProcessFigures ReadProcessFigures() {
  ProcessFigures figures;
  if (const std::optional<StatLine> line = ReadStatLine()) {
    const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
    // Once: a clock that is set later is no restart of the process.
    static const double start_time_seconds =
        SecondsOf(CLOCK_REALTIME) - SecondsOf(CLOCK_BOOTTIME) +
        static_cast<double>(line->start_ticks) / ticks_per_second;
    figures.start_time_seconds = start_time_seconds;
    figures.cpu_seconds =
        static_cast<double>(line->user_ticks + line->system_ticks) / ticks_per_second;
    figures.resident_bytes = line->resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    figures.virtual_bytes = line->virtual_bytes;
  }
  figures.open_fds = CountOpenFds();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    figures.max_fds = limit.rlim_cur;
  }
  return figures;
}

}  // namespace bw
