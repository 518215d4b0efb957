#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/clock.h"
#include "simulation/random.h"

namespace bw::simulation {

// Thrown in each thread of a killed process at its next wait or simulated call. No exception of the
// standard library, so that nothing that handles errors takes it for one.
struct SimKilled {};

// No thread can ever go on, or the schedule takes longer than anything should.
class SimStuck : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class JoiningThread;
class SimProcess;
struct SimThread;

// Time and the baton. Simulated threads are real ones, of which exactly one, the holder of the
// baton, runs. A thread gives it up in waits, sleeps and Yield() only, and the seed chooses who
// gets it, out of those who can go on:
//
//   choose:
//     eligible = threads that yielded, whose wait is over, whose deadline has passed, or that are
//                to die. A wait for a condition variable is over when its predicate holds and,
//                since it was last false, somebody has notified the variable: who changes what
//                others wait for and does not say so leaves them waiting, as in reality
//     none?  time jumps to the earliest deadline; no deadline at all is SimStuck
//     one of them, by the seed
//
// The thread that gives up the baton evaluates the others' predicates, under their mutexes; so
// nobody may wait or yield while holding a mutex.
//
// The constructing thread is the first simulated one: it belongs to no process and is never killed.
// It must end every other thread before it destroys the scheduler.
class SimScheduler {
 public:
  explicit SimScheduler(uint64_t seed);
  ~SimScheduler();
  SimScheduler(const SimScheduler&) = delete;
  SimScheduler& operator=(const SimScheduler&) = delete;

  TimePoint Now() const { return now_; }
  Random& random() { return random_; }

  // Lets others run, maybe. Throws SimKilled when the calling thread's process was killed.
  void Yield();
  // Others run for `duration` at least.
  void Sleep(std::chrono::microseconds duration);
  // Until `done`, which is evaluated by whoever holds the baton. False when `deadline` came first.
  bool WaitUntil(TimePoint deadline, const std::function<bool()>& done);

  // Choices made, and a hash over them: equal for equal runs.
  uint64_t steps() const { return steps_; }
  uint64_t fingerprint() const { return fingerprint_; }
  // Beyond this many choices a schedule is stuck: SimStuck in the first thread.
  void SetStepsMax(uint64_t steps_max) { steps_max_ = steps_max; }
  // Whose turn it is, for messages.
  std::string CurrentThreadName() const;

 private:
  friend class SimProcess;
  friend class JoiningThread;
  friend struct SimThread;

  // What a thread waits for; see Wait.
  struct Condition {
    std::mutex* mutex = nullptr;                       // Locked around `done`, when there is one.
    const std::condition_variable* changed = nullptr;  // Belongs to `mutex`.
    const std::function<bool()>* done = nullptr;       // None: only the deadline ends the wait.
    const Stop* stop = nullptr;                        // A requested stop ends the wait too.
    TimePoint deadline = TimePoint::max();
  };

  std::unique_ptr<Thread> Start(SimProcess* process, std::function<void()> run);
  // Gives up the baton until `condition` holds. True unless only the deadline has passed.
  bool Wait(const Condition& condition, bool dies);
  bool Holds(const Condition& condition) const;
  bool Eligible(SimThread* thread) const;
  void NotifyAll(const std::condition_variable* changed);
  SimThread* Choose();
  void SwitchFrom(SimThread* current);
  void ThrowIfStuck(const SimThread* current);
  void Join(SimThread* thread);
  void End(SimThread* thread);

  Random random_;
  TimePoint now_;
  uint64_t steps_ = 0;
  uint64_t steps_max_ = UINT64_MAX;
  uint64_t fingerprint_ = 0;
  uint64_t threads_started_ = 0;
  bool stuck_ = false;
  std::string stuck_why_;
  std::vector<SimThread*> threads_;   // Those that have not ended, in the order of their start.
  std::vector<SimThread*> eligible_;  // Reused.
  std::unique_ptr<SimThread> first_;
};

// A process: threads that die together, and the clock that they use.
class SimProcess : public Clock {
 public:
  SimProcess(SimScheduler* scheduler, std::string name)
      : scheduler_(scheduler), name_(std::move(name)) {}

  // As kill -9: every thread of the process ends at its next wait or simulated call, or now where
  // it waits. Destructors run, as they must in C++; what they do must have no effect outside, which
  // is the business of the simulated servers: they ask dead().
  void Kill() { dead_ = true; }
  bool dead() const { return dead_; }
  // Throws SimKilled when the process is dead; the first act of each simulated call. Does nothing
  // while the thread already unwinds.
  void CheckAlive() const;
  const std::string& name() const { return name_; }
  SimScheduler& scheduler() { return *scheduler_; }

  TimePoint Now() override { return scheduler_->Now(); }
  int64_t WallMicros() override;
  bool WaitUntil(std::unique_lock<std::mutex>* lock, std::condition_variable* changed,
                 TimePoint deadline, const std::function<bool()>& done) override;
  void NotifyAll(std::condition_variable* changed) override { scheduler_->NotifyAll(changed); }
  void SleepUntil(TimePoint deadline, const Stop& stop) override;
  std::unique_ptr<Thread> Start(std::function<void()> run) override;

 private:
  SimScheduler* const scheduler_;
  const std::string name_;
  bool dead_ = false;
};

}  // namespace bw::simulation
