#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "publish/kafka.h"
#include "publish/publish_options.h"
#include "relay/reconcile.h"
#include "spool/spool.h"

namespace bw {

struct StartDecision {
  Plan plan;
  Source source;
};

// How a capture session begins: looks at PostgreSQL and the spool, lets Reconcile decide, and asks
// Kafka for the checkpoint where that matters.
//
//   loop: look; a halt: throw it; a plan: return it
//         wants the checkpoint: ask Kafka; when it answers, look again
//         cannot be decided without it: wait, and look again
//
// PostgreSQL is looked at again once Kafka has answered. That may have taken hours, and what the
// slot was before it says nothing about what PostgreSQL still has.
//
// One for all starts of a process; belongs to the capture thread.
class StartDecider {
 public:
  struct Parts {
    Overrides overrides;
    // What is there now; throws what stands in the way. `checkpoint` goes into the facts.
    std::function<StartFacts(const CheckpointFacts& checkpoint)> look;
    KafkaCluster* cluster = nullptr;
    const PublishOptions* publish_options = nullptr;
    // Returns true when a stop was requested.
    std::function<bool(Duration)> wait;
  };

  explicit StartDecider(Parts parts) : parts_(std::move(parts)) {}

  // Nothing on a stop. Throws the halt when there is one; never returns kWaitForCheckpoint.
  std::optional<StartDecision> Decide();

 private:
  Overrides AllowedOverrides(const StartFacts& facts);
  bool WantsCheckpoint(const Plan* plan, const Overrides& overrides) const;
  CheckpointFacts AskForCheckpoint(const Source& source) const;

  const Parts parts_;
  bool decided_ = false;  // Of this process' starts, one has gone on.
  // The spool's when this process began, empty without one: a re-snapshot that was asked for has
  // begun when it is another.
  std::optional<std::string> first_lineage_;
};

// To be called before a plan is carried out, so that no crash makes it forgotten.
void NoteRemedies(const Plan& plan, Spool* spool);

}  // namespace bw
