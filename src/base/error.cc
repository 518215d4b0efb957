#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace bw {

const char* ToString(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kTransient:
      return "transient";
    case ErrorKind::kFenced:
      return "fenced";
    case ErrorKind::kHalt:
      return "halt";
    case ErrorKind::kRow:
      return "row";
    case ErrorKind::kUsage:
      return "usage";
  }
  return "unknown";
}

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "bottledwater: check failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace bw
