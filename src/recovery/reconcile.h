#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/halt.h"
#include "base/lsn.h"
#include "recovery/overrides.h"
#include "recovery/start_facts.h"
#include "spool/spool_state.h"

// What to do at start, from what three places know: C, the slot's confirmed flush LSN; S, the
// spool's `captured`; K, the checkpoint in Kafka. Pure functions: the facts are gathered by capture
// and publish, the plan is carried out by the relay. Each case has a test in
// tests/unit/recovery/reconcile_test.cc.
//
// The invariant of every Plan that needs no override: PostgreSQL still sends, the spool still
// holds, or Kafka already has every committed change, and none is published that Kafka has.
//
//   received by the spool from now on:  changes with position > captured, out of those
//                                       PostgreSQL sends: transactions with commit LSN >= max(C,
//                                       captured.end_lsn)
//   published from now on:              changes with position > K
//
// so a plan must have C <= captured.end_lsn, where everything up to captured.end_lsn is in the
// spool or in Kafka, and no unpublished change is thrown away with a spool. Anything else is a
// Halt.

namespace bw {

struct Plan {
  enum class Kind {
    // If `drop_slot`, drop the slot. BeginFirstStart with `supersedes`, create publication and
    // slot, snapshot.
    kFirstStart,
    // Keep the spool. If `advance_idle_to`, AdvanceIdle to it first. Stream from captured.end_lsn.
    kResume,
    // BeginStreamingAt(captured, predecessor): the spool, if there is one, has nothing that is not
    // in Kafka. Stream from captured.end_lsn.
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
  // For the log, and what was overridden also for the checkpoint.
  std::vector<std::string> notes;
  std::vector<std::string> overrides_used;
};

// Throws nothing; a transient problem is the caller's before it has the facts.
std::variant<Plan, Halt> Reconcile(const StartFacts& facts, const Overrides& overrides);

// A capture progress from which everything that ends above `lsn` is still to come: a transaction
// may commit exactly at `lsn`, since one's end is the next one's start.
Progress CapturedUpTo(Lsn lsn);

}  // namespace bw
