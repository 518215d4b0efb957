#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/lsn.h"

namespace bw {

// What PostgreSQL said of our slot.
struct SlotFacts {
  TimePoint seen_at;
  Lsn current_wal;         // pg_current_wal_lsn(), whatever databases the WAL is of.
  Lsn restart;             // From here on the slot retains WAL; invalid when the slot is lost.
  Lsn confirmed;           // Likewise.
  bool has_limit = false;  // max_slot_wal_keep_size is set.
  // How much more WAL until PostgreSQL may invalidate the slot at a checkpoint; negative beyond the
  // limit. Absent without a limit, and when the slot is lost.
  std::optional<int64_t> safe_bytes;
  std::string wal_status;  // "reserved", "extended", "unreserved", "lost"; "" before version 13.
};

// "1 GiB more until the slot is lost", "beyond the limit by 16 MiB: ...", "no limit is set ..."; ""
// when it is not known. The parameters are as in SlotFacts.
std::string WalLimitText(std::string_view wal_status, std::optional<bool> has_limit,
                         std::optional<int64_t> safe_bytes);

// The newest look at the slot: written by whoever looks, read by everybody. Thread-safe.
class NewestSlotFacts {
 public:
  void Set(SlotFacts facts) {
    const std::lock_guard lock(mutex_);
    facts_ = std::move(facts);
  }
  void Forget() {
    const std::lock_guard lock(mutex_);
    facts_.reset();
  }
  std::optional<SlotFacts> Get() const {
    const std::lock_guard lock(mutex_);
    return facts_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<SlotFacts> facts_;
};

}  // namespace bw
