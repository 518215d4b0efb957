#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/stop.h"
#include "capture/capture_figures.h"
#include "capture/capture_options.h"
#include "publish/publisher.h"
#include "relay/session_loop.h"
#include "relay/start_decision.h"
#include "simulation/sim_file_system.h"
#include "simulation/sim_kafka.h"
#include "simulation/sim_postgres.h"
#include "spool/spool.h"

namespace bw::simulation {

struct RelaySettings {
  CaptureOptions capture;
  PublishOptions publish;
  Overrides overrides;
};

// One relay process: what relay/relay.h and relay/start_up.h wire together, with the simulated
// servers in the places of libpq, librdkafka, libcurl and the disk. Everything else is the relay's
// own: Reconcile, both sessions, the session loops, the spool.
class SimRelay {
 public:
  struct Servers {
    SimPostgres* postgres = nullptr;
    SimKafka* kafka = nullptr;
    SimFileSystem* disk = nullptr;
  };

  SimRelay(SimProcess* process, const Servers& servers, const RelaySettings& settings);
  ~SimRelay();

  // Until a stop or an exit, which is returned.
  std::optional<SessionExit> Run();
  void RequestStop() { stop_.Request(); }
  // Null while it is not open.
  const Spool* spool() const { return spool_.get(); }
  const CaptureFigures& capture_figures() const { return capture_figures_; }

 private:
  // relay/publish_side.h
  struct PublishSide {
    PublishSide(SimRelay* relay, Spool* spool);
    ~PublishSide();

    Stop stop;
    const std::unique_ptr<KafkaCluster> cluster;
    const std::unique_ptr<SchemaRegistry> registry;
    Publisher publisher;
    std::unique_ptr<Thread> thread;
  };

  Spool* OpenSpool();
  void OpenExisting();
  Spool* OpenSpoolAlone();
  void StartPublishing();
  void LeaveWith(const SessionExit& exit);
  void RunCapture();
  bool StartUp();
  StartFacts GatherFacts(const CheckpointFacts& checkpoint);
  bool CarryOut(const Plan& plan, const Source& source);
  bool FirstStart(const Plan& plan, const Source& source);
  bool TakeSnapshot(Lsn consistent_point);
  void CaptureSessionOnce(const std::function<void()>& made_progress);

  SimProcess* const process_;
  const Servers servers_;
  const RelaySettings settings_;
  Stop stop_;
  const std::unique_ptr<KafkaCluster> start_up_cluster_;
  StartDecider decider_;
  CaptureFigures capture_figures_;
  std::optional<SessionExit> exit_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<PublishSide> publish_side_;
  std::unique_ptr<Thread> capture_thread_;
};

}  // namespace bw::simulation
