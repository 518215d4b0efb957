#pragma once

#include "base/backoff.h"
#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"

namespace bw {

// Thrown where a wait ends because of a stop; not an Error: it goes up to whoever runs the work.
struct Stopped {};

// Repeats `ask` while it throws transient Errors, and returns its answer. That the server is away
// is said once. Throws Stopped after a stop, and every other Error as it is.
template <class Ask>
auto AskUntilAnswered(AwayLog* away, const Stop& stop, const Ask& ask) {
  Backoff backoff(Backoff::WhileAway());
  while (true) {
    try {
      auto answer = ask();
      away->Back();
      return answer;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kTransient) throw;
      if (stop.requested()) throw Stopped();
      away->Away(error.what());
    }
    if (stop.WaitFor(backoff.Next())) throw Stopped();
  }
}

}  // namespace bw
