#pragma once

#include <optional>

#include "base/clock.h"
#include "base/error.h"

// The one table of what an error does to the session in which it happened, and to the process.
// Sessions throw; only the session loop catches, and consults this table.

namespace bw {

struct ErrorAction {
  enum class Kind {
    kRetry,  // End the session, back off, start the next one from durable state.
    kExit,   // End the process with `exit_code`.
  };
  Kind kind = Kind::kRetry;
  ExitCode exit_code = ExitCode::kInternal;
  // kRetry: exit when no session has made progress for this long. Absent: never.
  std::optional<Duration> give_up_after = std::nullopt;
  // kRetry: exit when the error happens this often within `often_within`. 0: never.
  int give_up_often = 0;
  Duration often_within{0};
};

// What happened before the error: a server that has worked with us is treated differently from one
// that refuses us at the start.
enum class SessionHistory {
  kNeverWorked,  // No session of this loop has made progress since the process started.
  kWorkedBefore,
};

//   kind       exit code                       at the start      once it has worked
//   transient                                  retry for ever    retry for ever
//   fenced                                     retry; the third fencing within 10 minutes exits
//   halt       login refused, missing right,   exit              retry for ever: a password being
//              server setting                                    rotated, a right being restored
//   halt       another relay                   exit              retry for 2 minutes: the walsender
//                                                                of a lost connection lives until
//                                                                wal_sender_timeout
//   halt       any other                       exit              exit
//   row                                        exit              exit
//   usage                                      exit              exit
//
// With --on-error=log, row errors never get here: the session counts them and goes on. With
// --on-error=exit, a new session would only meet the same row again.
ErrorAction ActionFor(ErrorKind kind, ExitCode exit_code, SessionHistory history);

}  // namespace bw
