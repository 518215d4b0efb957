#include "relay/status_line.h"

#include <fmt/format.h>

#include "base/format.h"
#include "base/log.h"
#include "capture/slot_facts.h"

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

std::string WalLimitText(const RelayStatus::Capture& capture) {
  return WalLimitText(capture.slot_status, capture.has_wal_limit, capture.safe_wal_bytes);
}

std::string RetainedWalText(const RelayStatus::Capture& capture) {
  if (!capture.has_wal_limit) return "how much WAL PostgreSQL retains is not known now";
  const std::string limit = WalLimitText(capture);
  return fmt::format("PostgreSQL retains {} of WAL for the slot{}",
                     FormatSize(capture.wal_on_disk_bytes.value_or(0)),
                     limit.empty() ? "" : ", " + limit);
}

std::string FormatStatusLine(const RelayStatus& previous, const RelayStatus& now) {
  const double seconds = std::chrono::duration<double>(now.time - previous.time).count();
  const RelayStatus::Capture& capture = now.capture;
  std::string line = fmt::format(
      "captured {}, spooled {}, published {}, lag {}, retained WAL {}",
      FormatProgress(previous.capture.changes, capture.changes, seconds, capture.captured),
      FormatSize(now.spool.bytes),
      FormatProgress(previous.publish.figures.changes, now.publish.figures.changes, seconds,
                     now.publish.published),
      now.spool.lag ? FormatDuration(*now.spool.lag) : "none",
      capture.retained_wal_bytes ? FormatSize(*capture.retained_wal_bytes) : "unknown");
  if (capture.wal_on_disk_bytes) {
    line += fmt::format(" ({} on its disk{})", FormatSize(*capture.wal_on_disk_bytes),
                        capture.safe_wal_bytes ? ", " + WalLimitText(capture) : "");
  }
  if (const uint64_t skipped = now.rows_skipped(); skipped > 0) {
    line += fmt::format(", skipped {} row{}", FormatCount(skipped), skipped == 1 ? "" : "s");
  }
  if (const uint64_t keyless = capture.keyless_changes; keyless > 0) {
    line +=
        fmt::format(", {} change{} without a key", FormatCount(keyless), keyless == 1 ? "" : "s");
  }
  if (!now.spool.obstacle.empty()) line += ", waiting: " + Printable(now.spool.obstacle);
  return line;
}

}  // namespace bw
