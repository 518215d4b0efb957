#pragma once

#include <functional>

#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "capture/server_inspection.h"
#include "options/options.h"
#include "publish/kafka.h"
#include "publish/publish_options.h"
#include "relay/reconcile.h"
#include "relay/start_decision.h"
#include "spool/spool.h"

namespace bw {

// From whatever was left by earlier starts to a spool that may be streamed into: gathers the facts,
// lets Reconcile decide, and carries out its plan. Runs at the beginning of every capture session,
// so that a database that was replaced, or a slot that was dropped, while we were not connected is
// noticed before a byte is taken from it.
//
// Belongs to the capture thread. Throws what stands in the way; nothing is made before everything
// that can be checked was checked, the spool's directory included.
class StartUp {
 public:
  struct Parts {
    const Options* options = nullptr;
    KafkaCluster* cluster = nullptr;  // The capture thread's own.
    CaptureFigures* figures = nullptr;
    const Stop* stop = nullptr;
    // The spool if it is open, else nullptr.
    std::function<Spool*()> opened_spool;
    // Opens the spool if it is not, and makes sure that nobody publishes from it: its content is
    // going to be replaced.
    std::function<Spool*()> open_spool_alone;
  };

  explicit StartUp(const Parts& parts);
  StartUp(const StartUp&) = delete;
  StartUp& operator=(const StartUp&) = delete;

  // Returns true when the spool is in phase kStreaming and continues the slot; false on a stop.
  bool Run();
  // A Run() of this process has read all tables.
  bool took_snapshot() const { return took_snapshot_; }

 private:
  StartFacts Look(const CheckpointFacts& checkpoint) const;
  ServerView Inspect() const;
  StartFacts GatherFacts(const ServerView& view, const CheckpointFacts& checkpoint) const;
  bool CarryOut(const Plan& plan, const Source& source);

  const Parts parts_;
  StartDecider decider_;
  bool took_snapshot_ = false;
};

}  // namespace bw
