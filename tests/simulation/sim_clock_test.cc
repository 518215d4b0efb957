#include "simulation/sim_clock.h"

#include <gtest/gtest.h>

#include <set>

#include "base/stop.h"

namespace bw::simulation {
namespace {

using std::chrono::milliseconds;

// A few threads that yield, sleep and wait for each other; returns who did what, in order.
std::string Trace(uint64_t seed, uint64_t* fingerprint) {
  std::string trace;
  SimScheduler scheduler(seed);
  SimProcess process(&scheduler, "p");
  std::mutex mutex;
  std::condition_variable changed;
  int turns = 0;
  {
    std::vector<std::unique_ptr<Thread>> threads;
    for (char name : {'a', 'b', 'c'}) {
      threads.push_back(process.Start([&, name] {
        for (int i = 0; i < 10; ++i) {
          trace += name;
          scheduler.Yield();
          scheduler.Sleep(std::chrono::microseconds(scheduler.random().Below(50)));
          std::unique_lock lock(mutex);
          ++turns;
          process.NotifyAll(&changed);
        }
      }));
    }
    threads.push_back(process.Start([&] {
      std::unique_lock lock(mutex);
      EXPECT_TRUE(
          process.WaitUntil(&lock, &changed, TimePoint::max(), [&] { return turns >= 15; }));
      trace += '!';
    }));
  }
  *fingerprint = scheduler.fingerprint();
  return trace;
}

TEST(SimClock, OneSeedIsOneOrder) {
  std::set<std::string> traces;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    uint64_t first = 0;
    uint64_t second = 0;
    const std::string trace = Trace(seed, &first);
    EXPECT_EQ(trace, Trace(seed, &second));
    EXPECT_EQ(first, second);
    EXPECT_EQ(trace.size(), 31u);
    traces.insert(trace);
  }
  EXPECT_GT(traces.size(), 15u);
}

TEST(SimClock, TimeJumpsToTheNextDeadlineWhenNobodyCanGoOn) {
  SimScheduler scheduler(1);
  SimProcess process(&scheduler, "p");
  Stop stop(process);
  const TimePoint start = process.Now();
  TimePoint slept_until;
  auto thread = process.Start([&] {
    process.SleepUntil(start + std::chrono::hours(5), stop);
    slept_until = process.Now();
  });
  thread.reset();
  EXPECT_EQ(slept_until, start + std::chrono::hours(5));
}

TEST(SimClock, ARequestedStopEndsASleep) {
  SimScheduler scheduler(1);
  SimProcess process(&scheduler, "p");
  Stop stop(process);
  const TimePoint start = process.Now();
  auto thread = process.Start([&] { EXPECT_TRUE(stop.WaitFor(std::chrono::hours(5))); });
  scheduler.Sleep(milliseconds(3));
  stop.Request();
  thread.reset();
  EXPECT_EQ(process.Now(), start + milliseconds(3));
}

TEST(SimClock, AWaitEndsAtItsDeadline) {
  SimScheduler scheduler(1);
  SimProcess process(&scheduler, "p");
  std::mutex mutex;
  std::condition_variable changed;
  auto thread = process.Start([&] {
    std::unique_lock lock(mutex);
    EXPECT_FALSE(
        process.WaitUntil(&lock, &changed, process.Now() + milliseconds(7), [] { return false; }));
    EXPECT_TRUE(lock.owns_lock());
  });
}

TEST(SimClock, AChangeThatNobodyIsToldOfEndsNoWait) {
  SimScheduler scheduler(1);
  SimProcess process(&scheduler, "p");
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  const TimePoint start = process.Now();
  TimePoint seen;
  auto thread = process.Start([&] {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(
        process.WaitUntil(&lock, &changed, start + std::chrono::hours(1), [&] { return done; }));
    seen = process.Now();
  });
  scheduler.Sleep(milliseconds(1));
  done = true;
  scheduler.Sleep(milliseconds(1));
  EXPECT_EQ(seen, TimePoint());
  process.NotifyAll(&changed);
  thread.reset();
  EXPECT_EQ(seen, start + milliseconds(2));
}

TEST(SimClock, AKilledProcessUnwindsEveryThread) {
  SimScheduler scheduler(1);
  SimProcess process(&scheduler, "p");
  int unwound = 0;
  struct Guard {
    int* count;
    ~Guard() { ++*count; }
  };
  std::mutex mutex;
  std::condition_variable changed;
  auto outer = process.Start([&] {
    const Guard guard{&unwound};
    auto inner = process.Start([&] {
      const Guard inner_guard{&unwound};
      std::unique_lock lock(mutex);
      process.WaitUntil(&lock, &changed, TimePoint::max(), [] { return false; });
      ADD_FAILURE() << "went on after its death";
    });
    while (true) scheduler.Sleep(milliseconds(1));
  });
  scheduler.Sleep(milliseconds(10));
  process.Kill();
  outer.reset();
  EXPECT_EQ(unwound, 2);
}

TEST(SimClock, ThreadsThatWaitForEverAreStuck) {
  SimScheduler scheduler(1);
  SimProcess process(&scheduler, "p");
  std::mutex mutex;
  std::condition_variable changed;
  auto thread = process.Start([&] {
    std::unique_lock lock(mutex);
    process.WaitUntil(&lock, &changed, TimePoint::max(), [] { return false; });
  });
  const std::function<bool()> never = [] { return false; };
  EXPECT_THROW(scheduler.WaitUntil(TimePoint::max(), never), SimStuck);
  process.Kill();
}

}  // namespace
}  // namespace bw::simulation
