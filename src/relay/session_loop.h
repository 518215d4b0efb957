#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "relay/error_policy.h"

namespace bw {

// Why the process has to end.
struct SessionExit {
  ExitCode exit_code = ExitCode::kInternal;
  std::string message;
};

// Runs one side's sessions (capture or publish), one after the other, for as long as the process
// lives: the only place that catches what sessions throw.
//
//   loop until a stop is requested:
//     run a session; it calls made_progress() whenever it has got something done
//     it threw: look up the action; exit, or wait a backed-off time
//     it returned: the next one begins, at once if this one made progress
//
// Not thread-safe: one per side, used on that side's thread.
class SessionLoop {
 public:
  // One session. Returns when a stop was requested or when it wants to be started again; throws
  // Error otherwise. Calls `made_progress`, on the same thread, when the server has worked with it.
  using Session = std::function<void(const std::function<void()>& made_progress)>;
  // Waits this long; true when a stop was requested, then at once. Stop::WaitFor, but in tests.
  using Waiter = std::function<bool(Duration)>;

  struct Config {
    std::string server;  // What is waited for, as the log names it: "PostgreSQL", "Kafka".
    Waiter wait;
    Clock* clock = &Clock::Real();
    Backoff backoff{};
  };

  explicit SessionLoop(Config config) : config_(std::move(config)), away_(config_.server) {}

  // Nothing when a stop was requested.
  std::optional<SessionExit> Run(const Session& session);

 private:
  void MadeProgress();
  // Whether the error ends the process; otherwise the log has been told.
  std::optional<SessionExit> Judge(const Error& error);

  Config config_;
  AwayLog away_;
  SessionHistory history_ = SessionHistory::kNeverWorked;
  bool progress_ = false;  // Of the session that runs.
  // Since when the same kind of error has come without progress between.
  std::optional<TimePoint> failing_since_;
  std::deque<TimePoint> often_;  // When errors happened that must not happen often.
};

}  // namespace bw
