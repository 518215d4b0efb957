#include "base/backoff.h"

#include <algorithm>

namespace bw {

Duration Backoff::Next() {
  const int64_t full = next_.count();
  next_ = std::min(next_ * 2, limits_.max);
  return Duration(std::uniform_int_distribution<int64_t>(full / 2, full)(random_));
}

}  // namespace bw
