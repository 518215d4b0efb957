#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "admin/event_log.h"
#include "admin/observation.h"
#include "admin/observer.h"

namespace bw {

// Looks at the relay once a second, on a thread of its own, and keeps what it saw: whoever asks the
// admin endpoint gets the newest observation and never costs the relay a lock or a disk access.
// Thread-safe.
class Monitor {
 public:
  // `status` is called on this thread once, then on the monitor's. `events` may be null.
  Monitor(std::function<RelayStatus()> status, Duration stall_after,
          std::shared_ptr<EventLog> events);
  ~Monitor();

  // Never null.
  std::shared_ptr<const Observation> Newest() const;
  // Whether the last look is recent: if not, the relay does not even answer its monitor.
  bool IsAlive() const;

 private:
  void Run();
  void Look();

  const std::function<RelayStatus()> status_;
  const std::shared_ptr<EventLog> events_;
  Observer observer_;  // The monitor thread's own.

  mutable std::mutex mutex_;  // Protects what follows.
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::shared_ptr<const Observation> newest_;

  std::thread thread_;  // Last: it uses everything above.
};

}  // namespace bw
