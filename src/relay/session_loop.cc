#include "relay/session_loop.h"

#include <fmt/format.h>

#include <new>

namespace bw {

SessionLoop::~SessionLoop() { config_.health->troubles.ClearFailing(config_.server); }

Duration SessionLoop::NextWait() {
  if (stuck_) return stuck_backoff_.Next();
  return refused_ ? refused_backoff_.Next() : config_.backoff.Next();
}

std::optional<SessionExit> SessionLoop::Run(const Session& session) {
  // A wait of zero only checks for a stop.
  while (!config_.wait(Duration(0))) {
    progress_ = false;
    stuck_ = refused_ = false;
    bool failed = false;
    const TimePoint began = config_.clock->Now();
    try {
      session([this] { MadeProgress(); });
    } catch (const Error& error) {
      if (auto exit = Judge(error)) return exit;
      failed = true;
    } catch (const std::bad_alloc&) {
      return SessionExit{ExitCode::kInternal, config_.server + " session: out of memory"};
    } catch (const std::exception& error) {
      return SessionExit{ExitCode::kInternal,
                         fmt::format("{} session: unexpected: {}", config_.server, error.what())};
    }
    if (!failed && !progress_) Rest();
    // A session that always fails right after making progress must not reset the backoff.
    constexpr Duration kWorkedForAWhile{1'000};
    if (progress_ && config_.clock->Now() - began >= kWorkedForAWhile) config_.backoff.Reset();
    // Sessions that return at once without progress must not spin either.
    if ((failed || !progress_) && config_.wait(NextWait())) break;
  }
  return std::nullopt;
}

void SessionLoop::MadeProgress() {
  progress_ = true;
  history_ = SessionHistory::kWorkedBefore;
  failing_since_.reset();
  refused_backoff_.Reset();
  away_.Back();
}

std::optional<SessionExit> SessionLoop::Judge(const Error& error) {
  const ErrorAction action = ActionFor(error.kind(), error.exit_code(), history_);
  const SessionExit exit{action.exit_code, error.what()};
  ++config_.health->failures.at(static_cast<size_t>(error.kind()));
  if (action.kind == ErrorAction::Kind::kExit) return exit;

  const TimePoint now = config_.clock->Now();
  if (!action.give_up_after) {
    failing_since_.reset();
  } else if (!failing_since_) {
    failing_since_ = now;
  } else if (now - *failing_since_ >= *action.give_up_after) {
    return exit;
  }
  if (action.give_up_often > 0) {
    often_.push_back(now);
    while (now - often_.front() > action.often_within) often_.pop_front();
    if (often_.size() >= static_cast<size_t>(action.give_up_often)) return exit;
  }
  // A stop may have caused the error: the server is not away.
  if (config_.wait(Duration(0))) return std::nullopt;
  stuck_ = IsStuck(error);
  if (stuck_) {
    SayStuck(error);
  } else if (error.kind() == ErrorKind::kTransient && !error.is_refusal()) {
    away_.Away(error.what());
  } else {
    refused_ = error.is_refusal();
    away_.Refuses(error.what(), error.remedy());
  }
  return std::nullopt;
}

bool SessionLoop::IsStuck(const Error& error) {
  constexpr int kTimesThatAreStuck = 3;
  if (error.place().empty()) return false;
  if (error.place() != place_) {
    place_ = error.place();
    config_.health->troubles.ClearFailing(config_.server);
    times_at_place_ = 0;
    stuck_said_.reset();
    stuck_backoff_.Reset();
  }
  return ++times_at_place_ >= kTimesThatAreStuck;
}

void SessionLoop::SayStuck(const Error& error) {
  constexpr Duration kSayInterval = std::chrono::minutes(1);
  const std::string what =
      fmt::format("{} has failed {} times at {}: {}. It is retried less and less often",
                  config_.server, times_at_place_, place_, error.what());
  config_.health->troubles.Set({.what = what,
                                .remedy = error.remedy(),
                                .kind = TroubleKind::kFails,
                                .server = config_.server});
  const TimePoint now = config_.clock->Now();
  if (stuck_said_ && now - *stuck_said_ < kSayInterval) return;
  stuck_said_ = now;
  spdlog::error("{}. {}", what, error.remedy());
}

}  // namespace bw
