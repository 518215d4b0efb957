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
//     it threw: look up the action; exit, or wait a backed-off time; when it has thrown at the same
//       place three times in a row (Error::place), wait for up to minutes, and say what to do
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
  // Notes where it happened; whether that is where the sessions before it failed, too.
  bool IsStuck(const Error& error);
  void SayStuck(const Error& error);
  Duration NextWait() { return stuck_ ? stuck_backoff_.Next() : config_.backoff.Next(); }

  Config config_;
  AwayLog away_;
  SessionHistory history_ = SessionHistory::kNeverWorked;
  bool progress_ = false;  // Of the session that runs.
  // Since when the same kind of error has come without progress between.
  std::optional<TimePoint> failing_since_;
  // Of failures at one place. Only one at another place ends it: a session may make progress, a
  // frame or a keepalive, before it fails there once more, and a failure that names no place (no
  // connection, say, while a server that crashed comes back) says nothing.
  std::string place_;
  int times_at_place_ = 0;
  bool stuck_ = false;  // The newest failure was there.
  std::optional<TimePoint> stuck_said_;
  Backoff stuck_backoff_{Backoff::Limits{Duration(5'000), Duration(600'000)}};
  std::deque<TimePoint> often_;  // When errors happened that must not happen often.
};

}  // namespace bw
