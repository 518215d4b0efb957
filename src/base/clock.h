#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace bw {

using Duration = std::chrono::milliseconds;
using TimePoint = std::chrono::steady_clock::time_point;

// The real time, for code that does not run in the simulation.
inline TimePoint Now() { return std::chrono::steady_clock::now(); }

class Stop;

// A thread that was started by a Clock. Destroying it waits for its end.
class Thread {
 public:
  virtual ~Thread() = default;
};

// Time, waiting and threads, as an interface: the simulation controls all three, and thereby the
// order of everything that the relay's threads do. All methods are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() = 0;
  // Microseconds since 1970-01-01 UTC. May jump; only shown to people, never used for decisions.
  virtual int64_t WallMicros() = 0;
  // As condition_variable::wait_until with a predicate: returns done(), evaluated under the lock.
  // Only NotifyAll wakes it before its deadline.
  virtual bool WaitUntil(std::unique_lock<std::mutex>* lock, std::condition_variable* changed,
                         TimePoint deadline, const std::function<bool()>& done) = 0;
  // As condition_variable::notify_all.
  virtual void NotifyAll(std::condition_variable* changed) { changed->notify_all(); }
  // Returns at `deadline` or when a stop is requested.
  virtual void SleepUntil(TimePoint deadline, const Stop& stop) = 0;
  virtual std::unique_ptr<Thread> Start(std::function<void()> run) = 0;

  static Clock& Real();  // real_clock.cc
};

}  // namespace bw
