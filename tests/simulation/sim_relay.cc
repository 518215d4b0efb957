#include "simulation/sim_relay.h"

namespace bw::simulation {

Options SimRelay::WithDisk(Options options, SimProcess* process, const Servers& servers) {
  options.spool.directory = "/spool";
  options.spool.memtable_bytes = 2 * kMiB;
  options.spool.env = servers.disk;
  options.spool.free_bytes = [disk = servers.disk] { return disk->free_bytes(); };
  options.spool.clock = process;
  return options;
}

Outside SimRelay::Wire(SimProcess* process, const Servers& servers) {
  Outside outside;
  outside.postgres = [=](const CaptureOptions& options, CaptureFigures*, const Stop& stop) {
    return servers.postgres->Serve(process, options, stop);
  };
  outside.kafka = [=](const PublishOptions&, const Stop&) {
    return servers.kafka->Connect(process);
  };
  outside.registry = [=](const Stop&) { return servers.kafka->ConnectRegistry(process); };
  outside.clock = process;
  outside.abandon = [=](ExitCode) {
    servers.abandon();
    process->CheckAlive();
  };
  return outside;
}

}  // namespace bw::simulation
