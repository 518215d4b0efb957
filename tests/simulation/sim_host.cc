#include "simulation/sim_host.h"

#include "base/error.h"

namespace bw::simulation {

SimHost::~SimHost() {
  if (process_) {
    process_->Kill();
    Wait();
  }
}

void SimHost::Start(const std::string& name, std::function<void(SimProcess*)> run) {
  BW_CHECK(!process_);
  disk_.Restart();
  ended_ = false;
  process_ = std::make_unique<SimProcess>(scheduler_, name);
  main_ = process_->Start([this, run = std::move(run)] {
    struct End {
      bool* ended;
      ~End() { *ended = true; }
    };
    const End end{&ended_};
    run(process_.get());
  });
  jobs_ = process_->Start([this] { RunJobs(); });
}

void SimHost::RunJobs() {
  const std::function<bool()> ready = [this] { return ended_ || disk_.HasJob(); };
  while (!ended_) {
    scheduler_->WaitUntil(TimePoint::max(), ready);
    disk_.RunJob();
  }
}

void SimHost::Crash(SimFileSystem::Crash crash) {
  disk_.TakeImage(crash);
  if (process_) process_->Kill();
}

void SimHost::CrashAt(uint64_t operation, SimFileSystem::Crash crash) {
  disk_.CrashAt(operation, crash, [this] {
    if (process_) process_->Kill();
  });
}

void SimHost::Wait() {
  main_.reset();
  jobs_.reset();
  process_.reset();
}

}  // namespace bw::simulation
