#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "publish/kafka.h"
#include "publish/publish_options.h"
#include "publish/publisher.h"
#include "registry/schema_registry.h"
#include "relay/options.h"
#include "relay/session_loop.h"
#include "relay/status_line.h"
#include "spool/spool.h"

namespace bw {

// The process: capture on one thread, publish on another, the spool between them, and this one
// waiting for a stop and writing the status line.
//
//   spool there already: open it; publishing begins, whether PostgreSQL answers or not
//   capture thread: loop of {start-up: inspect, reconcile, carry out; stream into the spool}
//                   the first start-up opens the spool, if that did not happen above
//   publish thread: loop of {publish session}, from the moment the spool is open
//   a loop that must end the process asks for a stop and leaves its exit code
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
  void RunPublish();
  Spool* OpenSpool();
  Spool* opened_spool() const;
  void Leave(const std::optional<SessionExit>& exit);
  // True when both threads have ended.
  bool WaitForThreads(Duration timeout);
  StatusSample Sample() const;
  std::optional<Duration> LagOf(Spool* spool) const;

  const Options options_;
  const CaptureOptions capture_options_;
  const PublishOptions publish_options_;
  Stop* const stop_;

  CaptureFigures capture_figures_;
  const std::unique_ptr<KafkaCluster> start_up_cluster_;  // The capture thread's.
  const std::unique_ptr<KafkaCluster> cluster_;           // The publish thread's.
  std::unique_ptr<SchemaRegistry> registry_;

  mutable std::mutex mutex_;  // Protects the members down to the threads.
  std::condition_variable ended_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<Publisher> publisher_;
  std::optional<SessionExit> exit_;
  int threads_running_ = 0;

  std::thread capture_thread_;
  std::thread publish_thread_;
};

}  // namespace bw
