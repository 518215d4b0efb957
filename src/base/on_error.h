#pragma once

namespace bw {

// What to do with a row that cannot be captured or published (--on-error). An outage of a server is
// never such an error.
enum class OnError {
  kLog,   // Count it, log where it was (never its values), go on without it.
  kExit,  // Stop before it; nothing after it is published.
};

}  // namespace bw
