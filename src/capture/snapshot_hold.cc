#include "capture/snapshot_hold.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"

namespace bw {
namespace {

constexpr Duration kLookIntervalMin{20};
// A server that does not answer for so long is given up, and the snapshot with it.
constexpr Duration kLookTimeout{10'000};

PgQueryOptions Looking() {
  PgQueryOptions options;
  options.doing = "look who waits for the snapshot";
  options.timeout = kLookTimeout;
  return options;
}

}  // namespace

bool IndexIsBuiltConcurrently(PgConnection* connection) {
  constexpr int kFirstWithProgress = 120000;
  if (connection->server_version() < kFirstWithProgress) {
    return connection
        ->Query(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
            "AND state = 'active' AND pid <> pg_backend_pid() "
            "AND query ILIKE '%INDEX%CONCURRENTLY%')")
        .Bool(0, 0);
  }
  return connection
      ->Query(
          "SELECT EXISTS (SELECT FROM pg_stat_progress_create_index "
          "WHERE datname = current_database() "
          "AND (command IS NULL OR command LIKE '%CONCURRENTLY'))")
      .Bool(0, 0);
}

PqSnapshotHold::PqSnapshotHold(const CaptureOptions& options, const Stop& stop,
                               std::unique_ptr<ServerConnection> connection)
    : stop_(&stop),
      end_(&stop),
      watcher_(options, PgConnection::Mode::kSql, end_),
      connection_(std::move(connection)),
      pids_{connection_->backend_pid()},
      thread_([this] { Watch(); }) {}

PqSnapshotHold::~PqSnapshotHold() {
  end_.Request();
  thread_.join();
}

// Its backend has no snapshot before the slot is made, so nobody waits for it while it is locked.
CreatedSlot PqSnapshotHold::CreateSlot(std::optional<Duration> timeout) {
  const std::lock_guard lock(mutex_);
  if (connection_ == nullptr) throw TransientError("the snapshot was given up");
  return connection_->CreateTemporarySlot(timeout);
}

void PqSnapshotHold::AddReader(int backend_pid) {
  const std::lock_guard lock(mutex_);
  pids_.insert(backend_pid);
}

void PqSnapshotHold::Watch() {
  NameThisThread("snapshot hold");
  try {
    while (!end_.WaitFor(pause_)) {
      const std::optional<int64_t> waiter = FindWaiter();
      if (!waiter) continue;
      GiveUp();
      spdlog::info(
          "A statement of others (pid {}) waits for the snapshot in which tables are read "
          "again: the snapshot is given up",
          *waiter);
      return;
    }
  } catch (const std::exception& error) {
    if (end_.requested()) return;
    GiveUp();
    spdlog::warn(
        "Nobody can see whether others wait for the snapshot in which tables are read "
        "again: the snapshot is given up: {}",
        error.what());
  }
}

std::optional<int64_t> PqSnapshotHold::FindWaiter() {
  std::string sql;
  {
    const std::lock_guard lock(mutex_);
    sql = fmt::format(
        "WITH vxid AS (SELECT virtualxid, pid, granted FROM pg_locks "
        "WHERE locktype = 'virtualxid') "
        "SELECT w.pid FROM vxid w JOIN vxid h USING (virtualxid) "
        "WHERE NOT w.granted AND h.granted AND h.pid IN ({}) AND EXISTS ("
        "SELECT FROM pg_stat_get_activity(NULL) "
        "WHERE wait_event = 'virtualxid' OR query = '<insufficient privilege>') LIMIT 1",
        fmt::join(pids_, ", "));
  }
  const TimePoint began = Clock::Real().Now();
  const PgResult found = watcher_.Query(sql, Looking());
  // Where there are very many locks, pg_locks is slow, and slows others down.
  pause_ =
      std::max(kLookIntervalMin, std::chrono::duration_cast<Duration>(Clock::Real().Now() - began));
  return found.rows() == 0 ? std::nullopt : std::optional(found.Int(0, 0));
}

void PqSnapshotHold::GiveUp() {
  given_up_ = true;
  stop_.Request();
  const std::lock_guard lock(mutex_);
  connection_.reset();
}

}  // namespace bw
