#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "admin/admin_request.h"
#include "base/clock.h"

namespace bw {

// Requests to --admin that were refused for who asked or by which name: counted for /metrics, and
// logged, at most one line a minute for each reason, so that nobody can fill the log. Thread-safe.
class RefusedRequests {
 public:
  // In the order of their HTTP status: a wrong token or none, no token that would be accepted, a
  // Host that is not ours.
  static constexpr std::array<int, 3> kStatuses = {401, 403, 421};
  // By reason, in that order.
  using Counts = std::array<uint64_t, kStatuses.size()>;

  // `refusal` may have any status; others are neither counted nor logged.
  void Note(const AdminRequest& request, const AdminResponse& refusal);
  Counts counts() const;

 private:
  struct Said {
    bool ever = false;
    TimePoint at;
    uint64_t count = 0;  // As it was then.
  };

  mutable std::mutex mutex_;  // Protects what follows.
  Counts counts_ = {};
  std::array<Said, kStatuses.size()> said_;
};

}  // namespace bw
