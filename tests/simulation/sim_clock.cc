#include "simulation/sim_clock.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <semaphore>
#include <thread>

#include "base/error.h"
#include "base/stop.h"

namespace bw::simulation {
namespace {

thread_local SimThread* current_thread = nullptr;

bool Unwinding() { return std::uncaught_exceptions() > 0; }

}  // namespace

struct SimThread {
  SimScheduler* scheduler = nullptr;
  SimProcess* process = nullptr;  // None: the first thread.
  uint64_t id = 0;
  std::thread thread;
  std::binary_semaphore baton{0};
  bool started = false;
  bool ended = false;
  bool dies = true;                                  // Whether a kill ends the present wait.
  std::optional<SimScheduler::Condition> condition;  // Absent: it only yielded.
  bool looks = false;  // Evaluates the predicate when it can: its wait has begun, or was notified.
};

// What Start() returns: its end is the end of the thread.
class JoiningThread : public Thread {
 public:
  explicit JoiningThread(std::unique_ptr<SimThread> thread) : thread_(std::move(thread)) {}
  ~JoiningThread() override { thread_->scheduler->Join(thread_.get()); }

 private:
  const std::unique_ptr<SimThread> thread_;
};

SimScheduler::SimScheduler(uint64_t seed)
    : random_(seed), now_(std::chrono::hours(1000)), first_(std::make_unique<SimThread>()) {
  BW_CHECK(current_thread == nullptr);
  first_->scheduler = this;
  first_->started = true;
  current_thread = first_.get();
  threads_.push_back(first_.get());
}

SimScheduler::~SimScheduler() {
  BW_CHECK(threads_.size() == 1 && current_thread == first_.get());
  current_thread = nullptr;
}

bool SimScheduler::Holds(const Condition& condition) const {
  if (condition.stop != nullptr && condition.stop->requested()) return true;
  if (condition.done == nullptr) return false;
  if (condition.mutex == nullptr) return (*condition.done)();
  const std::unique_lock lock(*condition.mutex, std::try_to_lock);
  // Somebody yields while he holds a mutex: that would deadlock here, and tests nothing.
  BW_CHECK(lock.owns_lock());
  return (*condition.done)();
}

bool SimScheduler::Eligible(SimThread* thread) const {
  if (stuck_) return thread->process == nullptr;
  if (!thread->condition) return true;
  if (thread->process != nullptr && thread->process->dead() && thread->dies) return true;
  if (thread->condition->deadline <= now_) return true;
  if (!thread->looks) return false;
  const bool holds = Holds(*thread->condition);
  if (thread->condition->changed != nullptr) thread->looks = holds;
  return holds;
}

void SimScheduler::NotifyAll(const std::condition_variable* changed) {
  for (SimThread* thread : threads_) {
    if (thread->condition && thread->condition->changed == changed) thread->looks = true;
  }
}

SimThread* SimScheduler::Choose() {
  if (++steps_ > steps_max_ && !stuck_) {
    stuck_ = true;
    stuck_why_ = "more steps than any schedule should need";
  }
  while (true) {
    eligible_.clear();
    TimePoint earliest = TimePoint::max();
    for (SimThread* thread : threads_) {
      if (Eligible(thread)) {
        eligible_.push_back(thread);
      } else if (thread->condition) {
        earliest = std::min(earliest, thread->condition->deadline);
      }
    }
    if (!eligible_.empty()) break;
    if (earliest == TimePoint::max()) {
      stuck_ = true;
      stuck_why_ = "every thread waits for ever";
    } else {
      now_ = std::max(now_, earliest);
    }
  }
  SimThread* const chosen = eligible_[random_.Below(eligible_.size())];
  fingerprint_ = (fingerprint_ ^ (chosen->id + 1)) * 0x100000001b3ULL;
  fingerprint_ ^= static_cast<uint64_t>(now_.time_since_epoch().count());
  return chosen;
}

void SimScheduler::SwitchFrom(SimThread* current) {
  SimThread* const chosen = Choose();
  if (chosen == current) return;
  chosen->baton.release();
  if (!current->ended) current->baton.acquire();
}

void SimScheduler::ThrowIfStuck(const SimThread* current) {
  if (!stuck_ || current->process != nullptr || Unwinding()) return;
  // From here on the first thread only ends the others.
  stuck_ = false;
  steps_max_ = UINT64_MAX;
  throw SimStuck(stuck_why_);
}

bool SimScheduler::Wait(const Condition& condition, bool dies) {
  SimThread* const current = current_thread;
  BW_CHECK(current != nullptr && current->scheduler == this);
  current->condition = condition;
  current->looks = true;
  current->dies = dies;
  SwitchFrom(current);
  current->condition.reset();
  ThrowIfStuck(current);
  if (dies && current->process != nullptr) current->process->CheckAlive();
  return Holds(condition);
}

void SimScheduler::Yield() {
  SimThread* const current = current_thread;
  if (current->process != nullptr) {
    if (current->process->dead() && Unwinding()) return;
    current->process->CheckAlive();
  }
  SwitchFrom(current);
  ThrowIfStuck(current);
  if (current->process != nullptr) current->process->CheckAlive();
}

void SimScheduler::Sleep(std::chrono::microseconds duration) {
  const SimProcess* const process = current_thread->process;
  if (process != nullptr) {
    if (process->dead() && Unwinding()) return;
    process->CheckAlive();
  }
  Wait({.deadline = now_ + duration}, /*dies=*/true);
}

bool SimScheduler::WaitUntil(TimePoint deadline, const std::function<bool()>& done) {
  const SimProcess* const process = current_thread->process;
  if (process != nullptr) {
    if (process->dead() && Unwinding()) return done();
    process->CheckAlive();
  }
  return Wait({.done = &done, .deadline = deadline}, /*dies=*/true);
}

std::unique_ptr<Thread> SimScheduler::Start(SimProcess* process, std::function<void()> run) {
  auto thread = std::make_unique<SimThread>();
  SimThread* const raw = thread.get();
  raw->scheduler = this;
  raw->process = process;
  raw->id = ++threads_started_;
  threads_.push_back(raw);
  raw->thread = std::thread([this, raw, run = std::move(run)] {
    raw->baton.acquire();
    current_thread = raw;
    try {
      if (raw->process == nullptr || !raw->process->dead()) run();
    } catch (const SimKilled&) {
      // Only its destructors were left of it.
    }
    End(raw);
  });
  return std::make_unique<JoiningThread>(std::move(thread));
}

void SimScheduler::Join(SimThread* thread) {
  // Also in a killed process, whose threads are all on their way out.
  const std::function<bool()> ended = [thread] { return thread->ended; };
  while (!thread->ended) Wait({.done = &ended}, /*dies=*/false);
  thread->thread.join();
}

void SimScheduler::End(SimThread* thread) {
  std::erase(threads_, thread);
  thread->ended = true;
  SwitchFrom(thread);
}

std::string SimScheduler::CurrentThreadName() const {
  if (current_thread == nullptr || current_thread->process == nullptr) return "world";
  return current_thread->process->name() + "/" + std::to_string(current_thread->id);
}

void SimProcess::CheckAlive() const {
  if (dead_ && !Unwinding()) throw SimKilled();
}

int64_t SimProcess::WallMicros() {
  constexpr int64_t kStart = 1'700'000'000'000'000;
  return kStart +
         std::chrono::duration_cast<std::chrono::microseconds>(Now().time_since_epoch()).count();
}

bool SimProcess::WaitUntil(std::unique_lock<std::mutex>* lock, std::condition_variable* changed,
                           TimePoint deadline, const std::function<bool()>& done) {
  if (dead_) {
    CheckAlive();
    return done();
  }
  lock->unlock();
  bool result = false;
  try {
    const SimScheduler::Condition condition{
        .mutex = lock->mutex(), .changed = changed, .done = &done, .deadline = deadline};
    result = scheduler_->Wait(condition, /*dies=*/true);
  } catch (...) {
    lock->lock();
    throw;
  }
  lock->lock();
  return result;
}

void SimProcess::SleepUntil(TimePoint deadline, const Stop& stop) {
  if (dead_) {
    CheckAlive();
    return;
  }
  scheduler_->Wait({.stop = &stop, .deadline = deadline}, /*dies=*/true);
}

std::unique_ptr<Thread> SimProcess::Start(std::function<void()> run) {
  return scheduler_->Start(this, std::move(run));
}

}  // namespace bw::simulation
