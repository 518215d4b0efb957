#pragma once

#include <functional>
#include <optional>

#include "base/stop.h"
#include "relay/relay.h"
#include "simulation/sim_file_system.h"
#include "simulation/sim_kafka.h"
#include "simulation/sim_postgres.h"

namespace bw::simulation {

// One relay process: the relay as it is, with the simulated outside.
class SimRelay {
 public:
  struct Servers {
    SimPostgres* postgres = nullptr;
    SimKafka* kafka = nullptr;
    SimFileSystem* disk = nullptr;
    // Ends the process at once.
    std::function<void()> abandon;
  };

  SimRelay(SimProcess* process, const Servers& servers, Options options)
      : stop_(*process),
        relay_(WithDisk(std::move(options), process, servers), Wire(process, servers), &stop_) {}

  // Until a stop or an exit, which is returned.
  std::optional<SessionExit> Run() { return relay_.Run(); }
  void RequestStop() { stop_.Request(); }
  // Null while it is not open.
  const Spool* spool() const { return relay_.spool(); }
  const CaptureFigures& capture_figures() const { return relay_.capture_figures(); }

 private:
  static Options WithDisk(Options options, SimProcess* process, const Servers& servers);
  static Outside Wire(SimProcess* process, const Servers& servers);

  Stop stop_;
  Relay relay_;
};

}  // namespace bw::simulation
