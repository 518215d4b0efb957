#include "relay/error_policy.h"

namespace bw {
namespace {

ErrorAction Retry(ExitCode exit_code) {
  ErrorAction action;
  action.exit_code = exit_code;
  return action;
}

ErrorAction Exit(ExitCode exit_code) {
  ErrorAction action;
  action.kind = ErrorAction::Kind::kExit;
  action.exit_code = exit_code;
  return action;
}

ErrorAction ActionForHalt(ExitCode exit_code, SessionHistory history) {
  if (history == SessionHistory::kNeverWorked) return Exit(exit_code);
  switch (exit_code) {
    case ExitCode::kLoginRefused:
    case ExitCode::kMissingRight:
    case ExitCode::kServerSetting:
      return Retry(exit_code);
    case ExitCode::kAnotherRelay: {
      ErrorAction action = Retry(exit_code);
      action.give_up_after = std::chrono::minutes(2);
      return action;
    }
    default:
      return Exit(exit_code);
  }
}

}  // namespace

ErrorAction ActionFor(ErrorKind kind, ExitCode exit_code, SessionHistory history) {
  switch (kind) {
    case ErrorKind::kTransient:
      return Retry(exit_code);
    case ErrorKind::kFenced: {
      // librdkafka also reports a transaction that the broker timed out as fencing (KIP-588).
      ErrorAction action = Retry(ExitCode::kAnotherRelay);
      action.give_up_often = 3;
      action.often_within = std::chrono::minutes(10);
      return action;
    }
    case ErrorKind::kHalt:
      return ActionForHalt(exit_code, history);
    case ErrorKind::kRow:
    case ErrorKind::kUsage:
      return Exit(exit_code);
  }
  return Exit(ExitCode::kInternal);
}

}  // namespace bw
