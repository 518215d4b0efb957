#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/halt.h"
#include "base/lsn.h"
#include "recovery/checkpoint_state.h"
#include "recovery/overrides.h"
#include "recovery/start_facts.h"
#include "spool/spool_state.h"

// What to do at start, given C, the slot's confirmed flush LSN; S, the spool's `captured`; and K,
// the checkpoint in Kafka. Pure functions: capture and publish gather the facts, the relay carries
// out the plan. Each case has a test in tests/unit/recovery/reconcile_test.cc.
//
// The invariant of every Plan that needs no override: every committed change will still be sent by
// PostgreSQL, is in the spool, or is in Kafka already; and no change that Kafka has is published
// again.
//
//   received by the spool from now on:  changes with position > captured, out of what PostgreSQL
//                                       sends: transactions with commit LSN >= max(C,
//                                       captured.end_lsn)
//   published from now on:              changes with position > K
//
// So a plan needs C <= captured.end_lsn, with everything up to captured.end_lsn in the spool or in
// Kafka, and must not discard an unpublished change with a spool. Anything else is a Halt.

namespace bw {

struct Plan {
  enum class Kind {
    // If `drop_slot`, drop the slot. BeginFirstStart with `supersedes`, create publication and
    // slot, snapshot.
    kFirstStart,
    // Keep the spool. If `advance_idle_to`, AdvanceIdle to it first. Stream from captured.end_lsn.
    kResume,
    // BeginStreamingAt(captured, predecessor): Kafka has everything that is in the spool, if there
    // is one. Stream from captured.end_lsn.
    kBeginAt,
    // Nothing can be decided before Kafka answers. Read the checkpoint, then call Reconcile again.
    kWaitForCheckpoint,
  };
  Kind kind = Kind::kResume;
  bool drop_slot = false;
  std::optional<std::vector<std::string>> supersedes;  // As in SpoolState; set for a re-snapshot.
  Progress captured;                                   // kBeginAt: what counts as captured.
  std::string predecessor;                             // kBeginAt: the checkpoint's lineage.
  std::optional<Lsn> advance_idle_to;                  // kResume, after an accepted gap.
  std::optional<uint32_t> new_timeline;                // kResume: SetTimeline to it.
  // For the log; the overrides also for the checkpoint.
  std::vector<std::string> notes;
  std::vector<std::string> overrides_used;
};

// Throws nothing; transient problems end the caller's gathering of facts.
std::variant<Plan, Halt> Reconcile(const StartFacts& facts, const Overrides& overrides);

// A capture progress after which everything that ends above `lsn` is still to be received: a
// transaction may commit exactly at `lsn`, since one's end is the next one's start.
Progress CapturedUpTo(Lsn lsn);

}  // namespace bw
