#pragma once

#include <functional>
#include <memory>
#include <string>

#include "simulation/sim_clock.h"
#include "simulation/sim_file_system.h"

namespace bw::simulation {

// A machine with a disk, on which one relay process after the other runs. A process is one thread,
// which may start others through its clock, and one more for RocksDB's background jobs.
class SimHost {
 public:
  SimHost(SimScheduler* scheduler, uint64_t seed) : scheduler_(scheduler), disk_(seed) {}
  ~SimHost();

  // Starts a process that runs `run` with its clock. The one before must have ended.
  void Start(const std::string& name, std::function<void(SimProcess*)> run);
  // The process dies now, and the machine with it when it is a power loss.
  void Crash(SimFileSystem::Crash crash);
  // The same, but just before the disk's operation with this number.
  void CrashAt(uint64_t operation, SimFileSystem::Crash crash);
  // Waits for the end of the process, dead or done.
  void Wait();
  // Whether a process runs or is on its way out.
  bool busy() const { return process_ != nullptr; }
  bool ended() const { return ended_; }
  bool died() const { return process_ != nullptr && process_->dead(); }

  SimFileSystem& disk() { return disk_; }
  // None when none was started since the last Wait().
  SimProcess* process() { return process_.get(); }

 private:
  void RunJobs();

  SimScheduler* const scheduler_;
  SimFileSystem disk_;
  std::unique_ptr<SimProcess> process_;
  std::unique_ptr<Thread> main_;
  std::unique_ptr<Thread> jobs_;
  bool ended_ = false;
};

}  // namespace bw::simulation
