#include "spool/spool_options.h"

#include "base/error.h"

namespace bw {

void CheckSpoolOptions(const SpoolOptions& options) {
  if (options.max_bytes > 0 && options.max_bytes < kMiB) {
    throw UsageError(
        "--spool-max-bytes: a spool needs more than that to work; give 0 (no limit) or at least "
        "1MiB");
  }
}

}  // namespace bw
