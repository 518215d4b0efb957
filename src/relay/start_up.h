#pragma once

#include <functional>
#include <optional>
#include <string>

#include "capture/capture.h"
#include "capture/postgres_server.h"
#include "publish/kafka.h"
#include "recovery/reconcile.h"
#include "relay/outside.h"
#include "spool/spool.h"

namespace bw {

// From whatever was left by earlier starts to a spool that continues the slot, at the beginning of
// every capture session, so that a database that was replaced, or a slot that was dropped, while we
// were not connected is noticed before a byte is taken from it:
//
//   until the plan is to resume:
//     connect; look at the server through that connection, and at the spool
//     Reconcile: a halt is thrown
//     it matters what Kafka knows, and it was not asked: ask for the checkpoint; look again
//     nothing can be decided without Kafka: wait; look again
//     carry the plan out; publishing may begin
//   hand over the connection, for the stream
//
// PostgreSQL is looked at again once Kafka has answered. That may have taken hours, and what the
// slot was before it says nothing about what PostgreSQL still has.
//
// One for all starts of a process; belongs to the capture thread. Throws what stands in the way.
// Nothing is made, the spool's directory included, before everything that can be checked was.
class StartUp {
 public:
  struct Parts {
    const Options* options = nullptr;
    CaptureParts capture;
    KafkaCluster* cluster = nullptr;  // The capture thread's own.
    // The spool if it is open, else nullptr.
    std::function<Spool*()> opened_spool;
    // Opens the spool if it is not, and makes sure that nobody publishes from it: its content is
    // going to be replaced.
    std::function<Spool*()> open_spool_alone;
    // The spool is in phase kStreaming, and nothing stands in the way of publishing from it.
    std::function<void()> start_publishing;
  };

  explicit StartUp(const Parts& parts) : parts_(parts) {}
  StartUp(const StartUp&) = delete;
  StartUp& operator=(const StartUp&) = delete;

  // The spool is then in phase kStreaming and continues the slot that was seen through this
  // connection. Nothing on a stop.
  std::optional<OpenedServer> Run();
  // The same for a further session of this start, in which the slot can only be resumed. Throws a
  // transient Error where more has to be done, or Kafka to be asked: the next Run() does.
  OpenedServer Continue();
  // A Run() of this process has read all tables.
  bool took_snapshot() const { return took_snapshot_; }

 private:
  struct Decision {
    Plan plan;
    OpenedServer server;
  };

  std::optional<Decision> Decide();
  OpenedServer Look() const;
  bool IsSettled(const ServerView& view) const;
  StartFacts GatherFacts(const ServerView& view, const CheckpointState& checkpoint) const;
  Overrides AllowedOverrides(const StartFacts& facts);
  bool WantsCheckpoint(const Plan* plan, const Overrides& overrides) const;
  CheckpointState AskForCheckpoint(const Source& source) const;
  bool CarryOut(const Decision& decision);
  bool CarryOutFirstStart(const Plan& plan, const OpenedServer& server);
  bool CarryOutResume(const Plan& plan);

  const Parts parts_;
  bool took_snapshot_ = false;
  // The spool's when this process began, empty without one: a re-snapshot that was asked for has
  // begun when it is another.
  std::optional<std::string> first_lineage_;
};

}  // namespace bw
