#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/stop.h"
#include "capture/capture.h"
#include "capture/held_back_tables.h"
#include "capture/table_resnapshot.h"
#include "relay/asked_rereads.h"
#include "relay/backlog_count.h"
#include "relay/outside.h"
#include "relay/publish_side.h"
#include "relay/relay_status.h"
#include "relay/session_loop.h"
#include "relay/start_up.h"
#include "spool/spool.h"

namespace bw {

// The process: capture on one thread, publish on another, the spool between them; the main thread
// waits for a stop and writes the status line.
//
//   if the spool is already streaming: publishing begins, whether PostgreSQL answers or not
//   capture thread: loop of {start-up: look, reconcile, carry out; publishing begins, if it has
//                   not; stream into the spool}
//   a side that must end the process requests a stop and leaves its exit code
class Relay {
 public:
  enum class Side { kCapture, kPublish };

  // Throws usage Errors, and Halts about the spool. `stop` uses the outside's clock.
  Relay(const Options& options, const Outside& outside, Stop* stop);
  ~Relay();

  // Returns after a stop, or when one side must end the process: then with the reason, already
  // logged.
  std::optional<SessionExit> Run();

  // The rest is thread-safe.

  // Reads the oldest unpublished change and counts the spool's files: once a second is often
  // enough.
  RelayStatus Status();
  // The side ends its session within about a second and begins none until Resume; while tables are
  // being read, when that is complete (RelayStatus::Side::pausing). While capture is
  // paused, PostgreSQL retains its WAL; while publish is, the spool grows. Forgotten when the
  // process ends.
  void Pause(Side side) { paused(side) = true; }
  void Resume(Side side) { paused(side) = false; }
  bool is_paused(Side side) { return paused(side); }

  // As NoteAskedRereads, through a connection of its own; takes seconds at most.
  AskedRereads NoteRereads(const std::vector<std::string>& patterns);

  // As Publisher::ResumeHeld; throws a transient Error when publishing has not begun.
  void ResumeHeld(const std::vector<std::string>& names);

  // For tests. Null while the spool is not open.
  Spool* spool() const;
  const CaptureFigures& capture_figures() const { return capture_figures_; }

 private:
  void RunCapture();
  // Skips the transaction, or reads the tables again, that the operator asked for. True when that
  // took a session.
  bool DoAsAsked(const StartUp& start_up, const CaptureHooks& hooks);
  bool RereadIsDue() const;
  // One try, and when the next one is due.
  RereadResult TryToReread(const std::function<RereadResult(SnapshotManners manners)>& reread);
  // Runs sessions, and between them re-reads of tables that need one. Returns on a stop.
  void StreamAndReread(CaptureHooks hooks);
  Spool* OpenSpoolAlone();
  void StartPublishing();
  void StopPublishing();
  void LeaveWith(const SessionExit& exit);
  void EndThreads();
  std::atomic<bool>& paused(Side side) {
    return side == Side::kCapture ? capture_paused_ : publish_paused_;
  }
  bool WaitWhilePaused();
  RelayStatus::Capture CaptureStatus() const;
  RelayStatus::Publish PublishStatus() const;

  const Options options_;
  // From construction on, also while there is no spool yet: a second relay is refused, and the
  // admin endpoint's socket has its place.
  const std::shared_ptr<const SpoolDirectory> spool_directory_;
  const Outside outside_;
  Clock* const clock_;
  Stop* const stop_;

  CaptureFigures capture_figures_;
  SideHealth capture_health_;
  SideHealth publish_health_;
  std::atomic<bool> capture_paused_{false};
  std::atomic<bool> publish_paused_{false};
  std::atomic<bool> capture_busy_{false};  // It neither rests nor waits for its next session.
  const std::unique_ptr<KafkaCluster> start_up_cluster_;  // The capture thread's.

  mutable std::mutex mutex_;  // Protects the members down to threads_ended_.
  std::condition_variable changed_;
  std::unique_ptr<Spool> spool_;  // Once open, it stays open.
  std::unique_ptr<PublishSide> publish_side_;
  std::optional<SessionExit> exit_;
  bool threads_ended_ = false;
  BacklogCount backlog_;

  // The capture thread's.
  const std::unique_ptr<PostgresServer> postgres_;
  const CaptureParts capture_parts_;
  std::optional<Lsn> skip_transaction_;      // Not yet skipped.
  std::vector<std::string> tables_to_read_;  // Not yet re-read.
  Backoff reread_backoff_;
  TimePoint next_reread_;  // The earliest time.
  HeldBackTables held_back_;
  int gave_way_ = 0;  // Re-reads in a row that gave way.

  std::unique_ptr<Thread> capture_thread_;
};

}  // namespace bw
