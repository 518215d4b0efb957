#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/trouble_list.h"
#include "capture/capture.h"
#include "capture/postgres_server.h"
#include "publish/kafka.h"
#include "recovery/reconcile.h"
#include "relay/outside.h"
#include "spool/spool.h"

namespace bw {

// Brings whatever earlier starts have left to a spool that continues the slot. Runs before every
// capture session, so that a database that was replaced, or a slot that was dropped, while we were
// not connected is noticed before a byte is taken from it:
//
//   until the plan is to resume:
//     connect; look at the server through that connection, and at the spool
//     Reconcile: a halt is thrown
//     if Kafka's checkpoint matters and was not asked for: ask for it; look again
//     if nothing can be decided without Kafka: wait; look again
//     carry out the plan; publishing may begin
//   hand over the connection, for the stream
//
// PostgreSQL is looked at again once Kafka has answered: that may have taken hours, and the slot's
// earlier state does not show which WAL PostgreSQL still has.
//
// One for all starts of a process; belongs to the capture thread. Throws what prevents a start.
// Nothing is created, not even the spool's directory, before everything that can be checked was.
class StartUp {
 public:
  struct Parts {
    const Options* options = nullptr;
    CaptureParts capture;
    KafkaCluster* cluster = nullptr;  // The capture thread's own.
    TroubleList* troubles = nullptr;
    // The spool if it is open, else nullptr.
    std::function<Spool*()> opened_spool;
    // Opens the spool if it is not open, and makes sure that nobody publishes from it: its content
    // is going to be replaced.
    std::function<Spool*()> open_spool_alone;
    // Called once the spool is in phase kStreaming and may be published from.
    std::function<void()> start_publishing;
  };

  explicit StartUp(const Parts& parts) : parts_(parts) {}
  StartUp(const StartUp&) = delete;
  StartUp& operator=(const StartUp&) = delete;

  // When it returns, the spool is in phase kStreaming and continues the slot that was seen through
  // this connection. Nothing on a stop.
  std::optional<OpenedServer> Run();
  // The same for a further session of this start, in which the slot can only be resumed. Throws a
  // transient Error when anything else is needed, such as asking Kafka: the next Run() does it.
  OpenedServer Continue();
  // Whether a Run() of this process has read all tables.
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
  // The spool's lineage when this process began, empty without a spool. Once it differs, the
  // re-snapshot that was asked for has begun.
  std::optional<std::string> first_lineage_;
};

}  // namespace bw
