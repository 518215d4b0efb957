#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/backoff.h"
#include "base/stop.h"
#include "capture/capture.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "capture/publication_keeper.h"
#include "options/options.h"
#include "publish/kafka.h"
#include "publish/publish_options.h"
#include "relay/publish_side.h"
#include "relay/session_loop.h"
#include "relay/start_up.h"
#include "relay/status_line.h"
#include "spool/spool.h"

namespace bw {

// The process: capture on one thread, publish on another, the spool between them, and this one
// waiting for a stop and writing the status line.
//
//   spool streaming already: publishing begins, whether PostgreSQL answers or not
//   capture thread: loop of {start-up: inspect, reconcile, carry out; publishing begins, if it has
//                   not; stream into the spool}
//   a side that must end the process asks for a stop and leaves its exit code
class Relay {
 public:
  // Checks what can be checked without a server. Throws usage Errors, and Halts about the spool.
  Relay(const Options& options, Stop* stop);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Returns after a stop, or when one side must end; logs why.
  ExitCode Run();

 private:
  void RunCapture();
  // True when a session was used for it.
  bool ResnapshotTablesIfAsked(const StartUp& start_up, const CaptureHooks& hooks);
  bool RereadIsDue() const;
  // Sessions, and between them re-reads of tables that need one; returns on a stop.
  void StreamAndReread(CaptureHooks hooks);
  Spool* opened_spool() const;
  Spool* OpenSpoolAlone();
  void StartPublishing();
  void StopPublishing();
  void LeaveWith(const SessionExit& exit);
  void EndThreads();
  StatusSample Sample() const;

  const Options options_;
  Stop* const stop_;

  CaptureFigures capture_figures_;
  const std::unique_ptr<KafkaCluster> start_up_cluster_;  // The capture thread's.

  mutable std::mutex mutex_;  // Protects the members down to threads_ended_.
  std::condition_variable changed_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<PublishSide> publish_side_;
  std::optional<SessionExit> exit_;
  bool threads_ended_ = false;

  // The capture thread's.
  std::optional<Lsn> skip_transaction_;      // To be skipped, still.
  std::vector<std::string> tables_to_read_;  // To be read again, still.
  PublicationKeeper keeper_;
  Backoff reread_backoff_;
  TimePoint next_reread_;  // No earlier.

  std::thread capture_thread_;
};

}  // namespace bw
