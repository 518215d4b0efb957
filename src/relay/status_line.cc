#include "relay/status_line.h"

#include <fmt/format.h>

#include "base/format.h"
#include "base/log.h"

namespace bw {
namespace {

// "40/s", or "0.3/s" below one per second.
std::string FormatRate(uint64_t before, uint64_t now, double seconds) {
  if (seconds <= 0 || now < before) return "-/s";
  const double rate = static_cast<double>(now - before) / seconds;
  if (rate > 0 && rate < 1) return fmt::format("{:.1f}/s", rate);
  return FormatCount(static_cast<uint64_t>(rate + 0.5)) + "/s";
}

std::string FormatProgress(uint64_t before, uint64_t now, double seconds, Lsn lsn) {
  std::string text =
      fmt::format("{} changes ({})", FormatCount(now), FormatRate(before, now, seconds));
  if (lsn.valid()) text += " up to " + lsn.ToString();
  return text;
}

}  // namespace

std::string FormatStatusLine(const StatusSample& previous, const StatusSample& now) {
  const double seconds = std::chrono::duration<double>(now.time - previous.time).count();
  std::string line = fmt::format(
      "captured {}, spooled {}, published {}, lag {}, retained WAL {}",
      FormatProgress(previous.changes_captured, now.changes_captured, seconds, now.captured_lsn),
      FormatSize(now.spool_bytes),
      FormatProgress(previous.changes_published, now.changes_published, seconds, now.published_lsn),
      now.lag ? FormatDuration(*now.lag) : "none",
      now.retained_wal_bytes ? FormatSize(*now.retained_wal_bytes) : "unknown");
  if (now.wal_on_disk_bytes) {
    line += fmt::format(
        " ({} on its disk{})", FormatSize(*now.wal_on_disk_bytes),
        now.safe_wal_bytes ? ", " + FormatSize(*now.safe_wal_bytes) + " more until the slot is lost"
                           : "");
  }
  if (now.rows_skipped > 0) {
    line += fmt::format(", skipped {} row{}", FormatCount(now.rows_skipped),
                        now.rows_skipped == 1 ? "" : "s");
  }
  if (now.keyless_changes > 0) {
    line += fmt::format(", {} change{} without a key", FormatCount(now.keyless_changes),
                        now.keyless_changes == 1 ? "" : "s");
  }
  if (!now.obstacle.empty()) line += ", waiting: " + Printable(now.obstacle);
  return line;
}

}  // namespace bw
