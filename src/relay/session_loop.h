#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/trouble_list.h"
#include "relay/error_policy.h"

namespace bw {

// Why the process has to end.
struct SessionExit {
  ExitCode exit_code = ExitCode::kInternal;
  std::string message;
};

// How one side's sessions fare, for status and metrics. Thread-safe; lives as long as the process.
struct SideHealth {
  TroubleList troubles;
  // Sessions that an Error ended, by its kind.
  std::array<std::atomic<uint64_t>, kErrorKinds> failures{};
};

// Runs one side's sessions (capture or publish), one after the other, for as long as the process
// lives: the only place that catches what sessions throw.
//
//   loop until a stop is requested:
//     run a session; it calls made_progress() whenever it has got something done
//     it threw: look up the action; exit, or back off; when it has thrown at the same place three
//       times in a row (Error::place), back off for up to ten minutes, and log what to do
//     it returned: the next one begins, at once if this one made progress
//
// Not thread-safe: one per side, used on that side's thread.
class SessionLoop {
 public:
  // One session. Returns when a stop was requested or when it wants to be started again; throws
  // Error otherwise. Calls `made_progress`, on the same thread, whenever it has made progress.
  using Session = std::function<void(const std::function<void()>& made_progress)>;
  // Waits this long, or returns true at once when a stop was requested: Stop::WaitFor, except in
  // tests.
  using Waiter = std::function<bool(Duration)>;

  struct Config {
    std::string server;  // The server's name in the log: "PostgreSQL", "Kafka".
    Waiter wait;
    Clock* clock = &Clock::Real();
    Backoff backoff{};
    SideHealth* health = nullptr;  // Never null; outlives the loop.
  };

  explicit SessionLoop(Config config)
      : config_(std::move(config)), away_(config_.server, &config_.health->troubles) {}
  ~SessionLoop();

  // Nothing when a stop was requested.
  std::optional<SessionExit> Run(const Session& session);
  // The side rests, as when an operator pauses it: nobody knows any more how its server is. Called
  // by the session, or done after one that returned without progress.
  void Rest() { away_.Forget(); }

 private:
  void MadeProgress();
  // The exit, if the error ends the process; otherwise it has been logged.
  std::optional<SessionExit> Judge(const Error& error);
  // Notes the error's place. Returns whether the sessions before this one failed there, too.
  bool IsStuck(const Error& error);
  void SayStuck(const Error& error);
  Duration NextWait();

  Config config_;
  AwayLog away_;
  SessionHistory history_ = SessionHistory::kNeverWorked;
  bool progress_ = false;  // Whether the current session has made progress.
  // Since when errors with `give_up_after` have come without progress in between.
  std::optional<TimePoint> failing_since_;
  // Repeated failures at one place. Only a failure at another place ends the series: a session may
  // make progress (a frame, a keepalive) before it fails there again, and a failure without a place
  // (e.g. no connection while a crashed server restarts) proves nothing.
  std::string place_;
  int times_at_place_ = 0;
  bool stuck_ = false;  // The newest failure was at place_, as often before.
  std::optional<TimePoint> stuck_said_;
  bool refused_ = false;  // The newest failure was a refusal.
  Backoff refused_backoff_{Backoff::Limits{Duration(1'000), Duration(30'000)}};
  Backoff stuck_backoff_{Backoff::Limits{Duration(5'000), Duration(600'000)}};
  std::deque<TimePoint> often_;  // Times of the errors that `give_up_often` limits.
};

}  // namespace bw
