#include <poll.h>

#include <algorithm>
#include <climits>
#include <thread>

#include "base/clock.h"
#include "base/stop.h"

namespace bw {
namespace {

class RealThread : public Thread {
 public:
  explicit RealThread(std::function<void()> run) : thread_(std::move(run)) {}
  ~RealThread() override { thread_.join(); }

 private:
  std::thread thread_;
};

class RealClock : public Clock {
 public:
  TimePoint Now() override { return std::chrono::steady_clock::now(); }

  int64_t WallMicros() override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  bool WaitUntil(std::unique_lock<std::mutex>* lock, std::condition_variable* changed,
                 TimePoint deadline, const std::function<bool()>& done) override {
    return changed->wait_until(*lock, deadline, done);
  }

  void SleepUntil(TimePoint deadline, const Stop& stop) override {
    while (!stop.requested()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Now());
      if (left.count() <= 0) return;
      pollfd descriptor{stop.fd(), POLLIN, 0};
      poll(&descriptor, 1, static_cast<int>(std::min<int64_t>(left.count(), INT_MAX)));
    }
  }

  std::unique_ptr<Thread> Start(std::function<void()> run) override {
    return std::make_unique<RealThread>(std::move(run));
  }
};

}  // namespace

Clock& Clock::Real() {
  static RealClock clock;
  return clock;
}

}  // namespace bw
