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
  std::string plugin;             // "pgoutput" for ours; empty for a physical slot.
  std::string database;           // Empty for a physical slot.
  std::optional<int> active_pid;  // The process that is using it.
  // The process that created the slot and still holds its exported snapshot: a relay in its first
  // start, during which the slot does not show as active. Visible only to roles that may see that
  // process' query (its own role, pg_read_all_stats, superusers).
  std::optional<int> creator_pid;
  // Changes that committed below it are no longer sent, and their WAL may be gone. Invalid while
  // the slot is being created.
  Lsn confirmed_flush;
  // "reserved", "extended", "unreserved" or "lost"; empty before PostgreSQL 13.
  std::string wal_status;
  // Why the server has invalidated the slot ("wal_removed", "idle_timeout", ...); empty for a valid
  // slot and before PostgreSQL 17.
  std::string invalidation_reason;

  // The WAL that the slot needs is gone, or the server has invalidated the slot: it can never be
  // used again.
  bool lost() const { return wal_status == "lost" || !invalidation_reason.empty(); }
};

// A timeline that ended, and where.
struct TimelineSwitch {
  uint32_t timeline = 0;
  Lsn switch_point;
};

// The server's identity and how far its WAL reaches, from IDENTIFY_SYSTEM and TIMELINE_HISTORY.
struct ServerIdentity {
  std::string system_identifier;
  uint32_t timeline = 0;
  Lsn wal_end;  // Flushed. Of a restored server, it may be below what we captured.
  std::string database;
  int version = 0;  // E.g. 150004.
  bool in_recovery = false;
  std::vector<TimelineSwitch> history;  // Oldest first; empty on timeline 1.

  // Where `timeline_before` ended in this server's history: what was written to it after that point
  // did not happen here. Nothing when it is the server's own timeline; Lsn::Invalid() when it is
  // not among this server's ancestors.
  std::optional<Lsn> SwitchPointOf(uint32_t timeline_before) const {
    if (timeline_before == timeline) return std::nullopt;
    for (const TimelineSwitch& ended : history) {
      if (ended.timeline == timeline_before) return ended.switch_point;
    }
    return Lsn::Invalid();
  }
};

}  // namespace bw
