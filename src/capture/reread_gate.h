#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "capture/captured_table.h"
#include "capture/pg_connection.h"
#include "capture/table_filter.h"
#include "spool/spool_state.h"

namespace bw {

// Why a table is read again that came into the publication after it was made.
inline constexpr const char* kJoinedLate =
    "what was updated or deleted before it was added to the publication was not captured";

// Whether reading a noted table again makes its topic right now; else it waits for an identity, for
// being selected, or for a key: with REPLICA IDENTITY FULL and no primary key its rows have none,
// so that only what was missed is read. Pure.
bool IsWorthRereading(const CapturedTable& table, const Reread& note, const TableFilter& filter);

// Opens when noted tables can be read again. The slot's creation waits until all transactions that
// write have ended, and capture stands still meanwhile; so those that run when a re-read is wanted
// are waited for here first, where nothing waits for us. So is an index that is built concurrently:
// it would soon wait for the snapshot (snapshot_hold.h).
//
// is_open() and Shut() are thread-safe, all else belongs to the keeper's thread.
class RereadGate {
 public:
  bool is_open() const { return is_open_.load(); }
  bool is_waiting() const { return xid_.has_value(); }
  // A re-read was tried: it is decided anew, with the transactions that run by then.
  void Shut() {
    is_open_ = false;
    was_shut_ = true;
  }
  // Nothing is to be read again.
  void Close();
  // A re-read is wanted: looks whether the gate can open. Says so in the log when it takes long.
  void TryToOpen(PgConnection* connection);

 private:
  std::atomic<bool> is_open_{false};
  std::atomic<bool> was_shut_{false};
  // All transactions that ran when a re-read was first wanted are below it.
  std::optional<int64_t> xid_;
  TimePoint since_;
  bool is_said_ = false;
};

}  // namespace bw
