#include "capture/snapshot_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/format.h"
#include "base/log.h"

namespace bw {
namespace {

constexpr int64_t kTellIntervalMs = 10'000;

int64_t Millis(TimePoint time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::string Rate(uint64_t rows, int64_t duration_ms) {
  const uint64_t per_second =
      rows * 1000 / static_cast<uint64_t>(std::max<int64_t>(duration_ms, 1));
  return FormatCount(per_second) + " rows/s";
}

}  // namespace

SnapshotProgress::SnapshotProgress(const std::vector<SnapshotTable>& tables)
    : terminal_(isatty(STDERR_FILENO) == 1) {
  for (const SnapshotTable& table : tables) {
    TableProgress& progress = tables_.emplace_back();
    progress.name = Printable(table.described.qualified_name());
    progress.rows_estimate = table.described.rows_estimate;
  }
}

// The first time counts: a locked table is put back and started again.
void SnapshotProgress::Begin(size_t table, TimePoint now) {
  if (tables_[table].began_ms == 0) tables_[table].began_ms = Millis(now);
}
void SnapshotProgress::AddRows(size_t table, uint64_t rows) { tables_[table].rows += rows; }
void SnapshotProgress::End(size_t table, TimePoint now) { tables_[table].ended_ms = Millis(now); }

uint64_t SnapshotProgress::rows() const {
  uint64_t rows = 0;
  for (const TableProgress& table : tables_) rows += table.rows;
  return rows;
}

void SnapshotProgress::TellEnded() {
  for (TableProgress& table : tables_) {
    if (table.end_told || table.ended_ms == 0) continue;
    table.end_told = true;
    ClearBar();
    const int64_t duration_ms = table.ended_ms - table.began_ms;
    spdlog::info("Table {}: {} rows in {:.1f} s, {}", table.name, FormatCount(table.rows),
                 static_cast<double>(duration_ms) / 1000, Rate(table.rows, duration_ms));
  }
}

void SnapshotProgress::TellRunning(int64_t now_ms) {
  ClearBar();
  for (const TableProgress& table : tables_) {
    if (table.began_ms == 0 || table.ended_ms != 0) continue;
    std::string share;
    if (table.rows_estimate > 0) {
      // The planner's estimate may be too low, so never show more than 99 %.
      const auto percent = table.rows * 100 / static_cast<uint64_t>(table.rows_estimate);
      share = fmt::format(", {} % done", std::min<uint64_t>(percent, 99));
    }
    spdlog::info("Table {}: {} rows so far, {}{}", table.name, FormatCount(table.rows),
                 Rate(table.rows, now_ms - table.began_ms), share);
  }
}

void SnapshotProgress::Tell(TimePoint now) {
  const int64_t now_ms = Millis(now);
  TellEnded();
  if (told_ms_ == 0) told_ms_ = now_ms;
  if (now_ms - told_ms_ >= kTellIntervalMs) {
    told_ms_ = now_ms;
    TellRunning(now_ms);
  }
  if (terminal_) DrawBar();
}

void SnapshotProgress::Finish() {
  TellEnded();
  ClearBar();
}

void SnapshotProgress::DrawBar() {
  constexpr uint64_t kWidth = 30;
  uint64_t read = 0;
  uint64_t expected = 0;
  size_t done = 0;
  for (const TableProgress& table : tables_) {
    const uint64_t rows = table.rows;
    const bool ended = table.ended_ms != 0;
    const auto estimate = static_cast<uint64_t>(std::max<int64_t>(table.rows_estimate, 0));
    read += rows;
    expected += ended ? rows : std::max(rows, estimate);
    done += ended ? 1 : 0;
  }
  const uint64_t filled = expected == 0 ? 0 : read * kWidth / expected;
  std::fprintf(stderr, "\r[%s%s] %s rows, %zu of %zu tables\033[K",
               std::string(filled, '#').c_str(), std::string(kWidth - filled, '.').c_str(),
               FormatCount(read).c_str(), done, tables_.size());
  std::fflush(stderr);
  bar_drawn_ = true;
}

void SnapshotProgress::ClearBar() {
  if (!bar_drawn_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  bar_drawn_ = false;
}

}  // namespace bw
