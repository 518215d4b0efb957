#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/stop.h"
#include "capture/capture_options.h"
#include "capture/pg_connection.h"
#include "capture/postgres_server.h"

namespace bw {

// Whether CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY runs in our database. Each waits, in
// the end, for every older snapshot of the database. Of others' statements a role without
// pg_read_all_stats sees only that an index is made; then that counts. Before 12 it sees nothing of
// them, and PqSnapshotHold gives up the snapshot that they wait for.
bool IndexIsBuiltConcurrently(PgConnection* connection);

// Holds the snapshot of a temporary slot, and gives it up at once when a statement of others waits
// for it, as CREATE INDEX CONCURRENTLY, REINDEX CONCURRENTLY and DETACH PARTITION FINALIZE do for
// all older snapshots of the database:
//
//   every 20 ms, on a connection and a thread of its own:
//     does a backend wait for the virtual transaction of one of ours?
//       request stop(), which ends the readers; close the slot's connection; say so; done
//
// pg_locks shows that to every role, but takes all of the lock table's partitions; so it is only
// asked when pg_stat_activity has a backend that waits for any virtual transaction, or hides it
// from our role. Ours are known by their process ids, so that another relay's snapshots are not
// taken for ours. A reader is given up for as well as the slot's connection, since the statement
// would wait for that next; what waits only for a reader's short lock on a table (DROP INDEX
// CONCURRENTLY) looks the same, and then the snapshot is given up for nothing. When it cannot look,
// the snapshot is given up, too.
//
// CreateSlot, AddReader and the destructor belong to one thread; the rest is thread-safe.
class PqSnapshotHold final : public SnapshotHold {
 public:
  // Connects, and throws what stands in the way. `options` and `stop` must outlive it.
  PqSnapshotHold(const CaptureOptions& options, const Stop& stop,
                 std::unique_ptr<ServerConnection> connection);
  ~PqSnapshotHold() override;
  PqSnapshotHold(const PqSnapshotHold&) = delete;
  PqSnapshotHold& operator=(const PqSnapshotHold&) = delete;

  CreatedSlot CreateSlot(std::optional<Duration> timeout) override;
  void AddReader(int backend_pid) override;
  const Stop& stop() const override { return stop_; }
  bool given_up() const override { return given_up_.load(); }

 private:
  void Watch();
  // The process id of a backend that waits for one of ours.
  std::optional<int64_t> FindWaiter();
  void GiveUp();

  Stop stop_;
  std::atomic<bool> given_up_{false};
  Stop end_;              // Of the thread.
  PgConnection watcher_;  // The thread's, as pause_.
  Duration pause_{0};     // Until the next look.

  std::mutex mutex_;  // Protects what follows.
  std::unique_ptr<ServerConnection> connection_;
  std::set<int> pids_;

  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace bw
