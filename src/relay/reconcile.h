#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/lsn.h"
#include "spool/spool_state.h"

// What to do at start, from what three places know: C, the slot's confirmed flush LSN; S, the
// spool's `captured`; K, the checkpoint in Kafka. Pure functions: the facts are gathered by capture
// and publish, the plan is carried out by the relay. docs/decisions and design section 6 have the
// table; each row of it has a test.
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

struct ServerFacts {
  std::string system_identifier;  // From IDENTIFY_SYSTEM, as everything but the switch point.
  std::string database;
  uint32_t timeline = 0;
  Lsn wal_end;  // The end of the WAL the server has flushed.
  // Where the server's history left the timeline that the spool (or, without one, the checkpoint)
  // knows; from TIMELINE_HISTORY. Absent when the server's history does not have that timeline, or
  // when it is the server's own.
  std::optional<Lsn> switch_point;
};

struct SlotFacts {
  std::string name;
  bool exists = false;
  Lsn confirmed_flush;
  // Another process receives from it. The walsender of a relay that was just killed lives on for a
  // moment: look for some seconds before believing this.
  bool active = false;
  std::optional<int> active_pid;
  // A process that has made it and still holds that moment's snapshot: somebody's first start.
  std::optional<int> creator_pid;
  std::string wal_status;  // "reserved", "extended", "unreserved", "lost"; empty when unknown.
  std::string invalidation_reason;  // PostgreSQL 17 and later; empty otherwise.
  std::string plugin;
  std::string database;
};

struct CheckpointFacts {
  enum class Kind {
    kUnknown,  // Kafka could not be asked yet.
    kAbsent,   // Kafka was asked: there is none.
    kPresent,
  };
  Kind kind = Kind::kUnknown;
  std::string lineage;
  Source source;
  // `position` may lie within a transaction that was published in parts; `end_lsn` then is the end
  // of the last transaction that was published whole, or invalid when there is none.
  Progress progress;
  std::string cluster_id;  // Of the Kafka cluster that was asked; empty when it does not say.
};

// What an operator has allowed, each for the one situation in which it says something. All of them
// are without effect in a normal start.
struct Overrides {
  // --accept-gap=LSN: go on without the changes up to the slot's confirmed flush LSN, which must
  // be this one, so that a flag left behind cannot accept a later gap.
  std::optional<Lsn> accept_gap;
  bool adopt_slot = false;  // --adopt-slot: take over a slot that nobody knows, without snapshot.
  bool resnapshot = false;  // --resnapshot: where data is lost, begin anew with a snapshot.
  // `bottledwater resnapshot`: begin anew even where nothing is lost. Once: whoever starts again in
  // the same process clears it.
  bool begin_anew = false;
  // --republish: where Kafka lost data, or is another cluster, publish what the spool retains.
  bool republish = false;
};

// Where things are, for the commands in messages.
struct RelayPlaces {
  std::string spool_directory;
  std::string checkpoint_topic;
};

struct StartFacts {
  ServerFacts server;
  SlotFacts slot;
  std::optional<SpoolState> spool;  // Absent when there is none; phase kEmpty counts as none.
  CheckpointFacts checkpoint;
  RelayPlaces places;
};

struct Remedy {
  std::string what;     // "Take the snapshot again ..."
  std::string command;  // What to type; may be empty when there is nothing to type.
};

// Nothing was changed, and nothing may be: the operator decides.
struct Halt {
  ExitCode exit_code = ExitCode::kInternal;
  std::string code;     // Stable word for scripts and documents, e.g. "gap".
  std::string found;    // What was found, with the LSNs.
  std::string meaning;  // What follows from it.
  std::vector<Remedy> remedies;

  // All of it as one message.
  std::string Message() const;
  Error ToError() const { return HaltError(exit_code, Message()); }
};

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

struct PublishPlan {
  Position publish_after;    // Publish the spool's changes above this.
  bool rewind_hint = false;  // RewindPublished to publish_after first.
  bool supersede = false;    // Supersede() the checkpoint's lineage first.
  std::vector<std::string> notes;
  std::vector<std::string> overrides_used;
};

// The publish side's part, at the start of each publish session, when the checkpoint is known: the
// spool's phase is kStreaming. It needs no facts from PostgreSQL.
std::variant<PublishPlan, Halt> ReconcilePublish(const SpoolState& spool,
                                                 const CheckpointFacts& checkpoint,
                                                 const Overrides& overrides,
                                                 const RelayPlaces& places);

// A capture progress from which everything that ends above `lsn` is still to come: a transaction
// may commit exactly at `lsn`, since one's end is the next one's start.
Progress CapturedUpTo(Lsn lsn);

}  // namespace bw
