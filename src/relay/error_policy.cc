#include "relay/error_policy.h"

namespace bw {
namespace {

ErrorAction Exit(ExitCode exit_code) {
  return {.kind = ErrorAction::Kind::kExit, .exit_code = exit_code};
}

ErrorAction ActionForHalt(ExitCode exit_code, SessionHistory history) {
  if (history == SessionHistory::kNeverWorked) return Exit(exit_code);
  switch (exit_code) {
    case ExitCode::kLoginRefused:
    case ExitCode::kMissingRight:
    case ExitCode::kServerSetting:
      return {.exit_code = exit_code};
    case ExitCode::kAnotherRelay:
      return {.exit_code = exit_code, .give_up_after = std::chrono::minutes(2)};
    default:
      return Exit(exit_code);
  }
}

}  // namespace

ErrorAction ActionFor(ErrorKind kind, ExitCode exit_code, SessionHistory history) {
  switch (kind) {
    case ErrorKind::kTransient:
      return {.exit_code = exit_code};
    case ErrorKind::kFenced:
      // librdkafka also reports a transaction that the broker timed out as fencing (KIP-588).
      return {.exit_code = ExitCode::kAnotherRelay,
              .give_up_often = 3,
              .often_within = std::chrono::minutes(10)};
    case ErrorKind::kHalt:
      return ActionForHalt(exit_code, history);
    case ErrorKind::kRow:
    case ErrorKind::kUsage:
      return Exit(exit_code);
  }
  return Exit(ExitCode::kInternal);
}

}  // namespace bw
