#include "spool/spool_options.h"

#include "base/error.h"

namespace bw {

void CheckSpoolOptions(const SpoolOptions& options) {
  if (options.max_bytes > 0 && options.max_bytes < kMiB) {
    throw UsageError(
        "--spool-max-bytes: less than a spool needs to work at all; give 0 (no limit) or at least "
        "1MiB");
  }
}

}  // namespace bw
