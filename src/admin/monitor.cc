#include "admin/monitor.h"

#include <utility>

#include "admin/service_manager.h"
#include "base/thread_name.h"

namespace bw {
namespace {

constexpr Duration kLookInterval{1'000};
constexpr Duration kAliveMax{60'000};

}  // namespace

Monitor::Monitor(std::function<RelayStatus()> status, Duration stall_after,
                 std::shared_ptr<EventLog> events)
    : status_(std::move(status)), events_(std::move(events)), observer_(stall_after) {
  Look();
  thread_ = std::thread([this] { Run(); });
}

Monitor::~Monitor() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

std::shared_ptr<const Observation> Monitor::Newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

bool Monitor::IsAlive() const {
  return std::chrono::steady_clock::now() - Newest()->status.time < kAliveMax;
}

void Monitor::Run() {
  NameThisThread("monitor");
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (stopped_.wait_for(lock, kLookInterval, [this] { return stopping_; })) return;
    }
    Look();
  }
}

void Monitor::Look() {
  auto observation = std::make_shared<Observation>(observer_.Observe(status_()));
  if (events_) observation->events = events_->List();
  ServiceManager::TellAlive(*observation);
  const std::lock_guard lock(mutex_);
  newest_ = std::move(observation);
}

}  // namespace bw
