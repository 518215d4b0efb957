#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/lsn.h"

namespace bw {

// A row of pg_replication_slots.
struct SlotState {
  std::string name;
  std::string plugin;    // "pgoutput" for ours; empty for a physical slot.
  std::string database;  // Empty for a physical slot.
  bool temporary = false;
  std::optional<int> active_pid;  // The process that uses it now.
  // The process that has made it and still holds the snapshot of that moment: a relay in its first
  // start, to which the slot does not show as active. Only roles that may see what others run
  // find it (its own role, pg_read_all_stats, superusers).
  std::optional<int> creator_pid;
  // Changes that committed below it are not sent any more, and their WAL may be gone. Invalid for
  // a slot that is still being created.
  Lsn confirmed_flush;
  // "reserved", "extended", "unreserved" or "lost"; empty before PostgreSQL 13.
  std::string wal_status;
  // Why the server has given the slot up ("wal_removed", "idle_timeout", ...); empty for a good
  // slot and before PostgreSQL 17.
  std::string invalidation_reason;

  // The WAL that the slot needs is gone, or the server gave the slot up: it can never be used
  // again.
  bool lost() const { return wal_status == "lost" || !invalidation_reason.empty(); }
};

// A timeline that ended, and where.
struct TimelineSwitch {
  uint32_t timeline = 0;
  Lsn switch_point;
};

// Who the server is and how far its WAL reaches, by IDENTIFY_SYSTEM and TIMELINE_HISTORY.
struct ServerIdentity {
  std::string system_identifier;
  uint32_t timeline = 0;
  Lsn wal_end;  // Flushed. A server that was set back can be below what we captured.
  std::string database;
  int version = 0;  // E.g. 150004.
  bool in_recovery = false;
  std::vector<TimelineSwitch> history;  // Oldest first; empty on timeline 1.

  // Where `timeline_before` ended on the way to this server's timeline: what it wrote behind that
  // point did not happen here. Nothing when it is the server's own timeline; Lsn::Invalid() when
  // it is not among this server's ancestors at all.
  std::optional<Lsn> SwitchPointOf(uint32_t timeline_before) const;
};

}  // namespace bw
