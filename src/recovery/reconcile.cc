#include "recovery/reconcile.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "recovery/halts.h"
#include "recovery/reconcile_publish.h"

namespace bw {
namespace {

using CheckpointKind = CheckpointState::Kind;
using Outcome = std::variant<Plan, Halt>;

// An empty spool counts as none.
bool HasSpool(const StartFacts& facts) {
  return facts.spool && facts.spool->phase != SpoolPhase::kEmpty;
}

bool SameDatabase(const Source& source, const ServerIdentity& server) {
  return source.system_identifier == server.system_identifier && source.database == server.database;
}

// Every lineage that the newest checkpoint can have when a re-snapshot begins at these facts.
std::vector<std::string> LineagesBefore(const StartFacts& facts) {
  std::set<std::string> lineages;
  if (HasSpool(facts)) {
    lineages = {facts.spool->lineage, facts.spool->predecessor};
    // A re-snapshot that has published nothing yet may itself be superseded.
    if (facts.spool->supersedes) {
      lineages.insert(facts.spool->supersedes->begin(), facts.spool->supersedes->end());
    }
  }
  if (facts.checkpoint.kind == CheckpointKind::kPresent) lineages.insert(facts.checkpoint.lineage);
  lineages.erase("");
  return {lineages.begin(), lineages.end()};
}

Plan PlanOf(Plan::Kind kind, std::string note) {
  Plan plan;
  plan.kind = kind;
  plan.notes.push_back(std::move(note));
  return plan;
}

// A first start: whatever existed before is wiped.
Plan FirstStart(const StartFacts& facts, std::string note) {
  Plan plan = PlanOf(Plan::Kind::kFirstStart, std::move(note));
  plan.drop_slot = facts.slot.has_value();
  return plan;
}

// A re-snapshot: a first start that knows what it supersedes.
Plan Resnapshot(const StartFacts& facts, std::string note) {
  Plan plan = FirstStart(facts, std::move(note));
  plan.supersedes = LineagesBefore(facts);
  plan.overrides_used.push_back("resnapshot");
  return plan;
}

// `bottledwater resnapshot` where the relay would otherwise halt.
Outcome ResnapshotOr(const StartFacts& facts, const Overrides& overrides, Halt halt) {
  if (!overrides.resnapshot) return halt;
  return Resnapshot(
      facts, fmt::format("resnapshot: instead of the halt \"{}\", everything captured so far is "
                         "dropped and the snapshot is taken again. ({})",
                         halt.code, halt.found));
}

// `bottledwater resnapshot` where the relay would otherwise continue.
Plan BeginAnew(const StartFacts& facts, Plan plan) {
  switch (plan.kind) {
    case Plan::Kind::kFirstStart:
      // Topics from an earlier installation may still exist, even when its slot and spool are gone.
      if (!plan.supersedes) {
        plan.supersedes = LineagesBefore(facts);
        plan.overrides_used.push_back("resnapshot");
      }
      break;
    case Plan::Kind::kWaitForCheckpoint:
      // Without a spool, only Kafka knows whose slot it is.
      if (!HasSpool(facts)) return plan;
      [[fallthrough]];
    case Plan::Kind::kResume:
    case Plan::Kind::kBeginAt:
      return Resnapshot(facts,
                        "resnapshot: everything captured so far is dropped and the snapshot "
                        "is taken again");
  }
  if (!HasSpool(facts) && facts.checkpoint.kind == CheckpointKind::kUnknown) {
    return PlanOf(Plan::Kind::kWaitForCheckpoint,
                  "resnapshot: waiting for Kafka, to know what was published before");
  }
  return plan;
}

// The checkpoint's progress as a capture progress. When the checkpoint is within a transaction,
// that transaction counts as not captured: it is received again completely, and the publisher skips
// the part that Kafka has.
Progress CapturedFromCheckpoint(const Progress& checkpoint) {
  const Lsn commit_lsn = checkpoint.position.commit_lsn;
  if (checkpoint.position.is_end() || !commit_lsn.valid()) return checkpoint;
  return {Position::EndOf(Lsn{commit_lsn.value - 1}), checkpoint.end_lsn};
}

// The newest LSN that this progress has seen; within a transaction, it is ahead of end_lsn.
Lsn NewestLsn(const Progress& progress) {
  return std::max(progress.end_lsn, progress.position.commit_lsn);
}

// Whether the database may have gone back to before `known`, which was seen on `known_timeline` (0
// when that was not noted).
bool WentBack(const ServerIdentity& server, Lsn known, uint32_t known_timeline) {
  if (server.wal_end < known) return true;
  if (known_timeline == 0 || server.timeline == known_timeline) return false;
  // Failed over or restored. What the new timeline inherited ends at the switch point.
  const Lsn left = server.SwitchPointOf(known_timeline).value_or(Lsn::Invalid());
  return server.timeline < known_timeline || !left.valid() || left < known;
}

Plan BeginAtCheckpoint(const StartFacts& facts, std::string note) {
  Plan plan = PlanOf(Plan::Kind::kBeginAt, std::move(note));
  plan.captured = CapturedFromCheckpoint(facts.checkpoint.progress);
  plan.predecessor = facts.checkpoint.lineage;
  return plan;
}

// --accept-gap was given for this gap: what is missing stays missing.
bool GapAccepted(const StartFacts& facts, const Overrides& overrides) {
  return overrides.accept_gap == facts.slot->confirmed_flush;
}

std::string GapNote(Lsn from, Lsn to) {
  return fmt::format(
      "--accept-gap: changes committed between {} and {} are not in Kafka and will not be",
      from.ToString(), to.ToString());
}

// --- Without a spool ----------------------------------------------------------------------------

Outcome WithoutSpoolAndSlot(const StartFacts& facts, const Overrides& overrides) {
  if (facts.checkpoint.kind == CheckpointKind::kPresent) {
    return ResnapshotOr(facts, overrides, halts::SlotMissing(facts));
  }
  // When Kafka is away, a checkpoint may turn up later: the publish side then halts.
  return FirstStart(facts, "First start: there is no slot and no spool");
}

Outcome AdoptSlot(const StartFacts& facts) {
  const Lsn confirmed = facts.slot->confirmed_flush;
  Plan plan =
      PlanOf(Plan::Kind::kBeginAt,
             fmt::format("--adopt-slot: continuing with slot \"{}\" from {}, without a snapshot",
                         facts.slot_name, confirmed.ToString()));
  plan.captured = CapturedUpTo(confirmed);
  plan.overrides_used.push_back("adopt-slot");
  return plan;
}

Outcome SpoolLost(const StartFacts& facts, const Overrides& overrides) {
  const Progress& published = facts.checkpoint.progress;
  const Lsn confirmed = facts.slot->confirmed_flush;
  const Source& source = facts.checkpoint.source;
  const Lsn known = NewestLsn(published);
  if (WentBack(facts.server, known, source.timeline)) {
    return ResnapshotOr(facts, overrides, halts::DatabaseWentBack(facts, known, source.timeline));
  }
  if (facts.slot->lost()) {
    return ResnapshotOr(facts, overrides, halts::SlotInvalidated(facts));
  }
  if (confirmed <= published.end_lsn) {
    return BeginAtCheckpoint(
        facts, fmt::format("The spool is new, and nothing is lost: resuming from the checkpoint in "
                           "Kafka at {}",
                           published.position.ToString()));
  }
  if (GapAccepted(facts, overrides)) {
    Plan plan = BeginAtCheckpoint(facts, GapNote(published.end_lsn, confirmed));
    plan.captured = CapturedUpTo(confirmed);
    plan.overrides_used.push_back("accept-gap=" + confirmed.ToString());
    return plan;
  }
  return ResnapshotOr(facts, overrides, halts::Gap(facts, published.end_lsn));
}

Outcome WithoutSpool(const StartFacts& facts, const Overrides& overrides) {
  const CheckpointState& checkpoint = facts.checkpoint;
  if (checkpoint.kind == CheckpointKind::kPresent &&
      (!SameDatabase(checkpoint.source, facts.server) ||
       checkpoint.source.slot != facts.slot_name)) {
    const Source ours{facts.server.system_identifier, facts.server.database, facts.slot_name, 0};
    Halt halt = halts::CheckpointOfOtherDatabase(checkpoint, ours, facts.places);
    // The other relay's checkpoint says nothing about this slot, so it is not ours to drop.
    if (facts.slot) return halt;
    return ResnapshotOr(facts, overrides, std::move(halt));
  }
  if (!facts.slot) return WithoutSpoolAndSlot(facts, overrides);
  switch (checkpoint.kind) {
    case CheckpointKind::kUnknown:
      return PlanOf(
          Plan::Kind::kWaitForCheckpoint,
          fmt::format("There is slot \"{}\" but no spool: waiting for Kafka, whose checkpoint says "
                      "how to continue",
                      facts.slot_name));
    case CheckpointKind::kAbsent:
      if (facts.slot->creator_pid) return halts::SlotActive(*facts.slot);
      // A slot without a confirmed flush LSN is still being created.
      if (facts.slot->lost() || !facts.slot->confirmed_flush.valid() || !overrides.adopt_slot) {
        return halts::ForeignSlot(facts);
      }
      return AdoptSlot(facts);
    case CheckpointKind::kPresent:
      break;
  }
  return SpoolLost(facts, overrides);
}

// --- With a spool -------------------------------------------------------------------------------

Outcome AfterCrashInFirstStart(const StartFacts& facts, const Overrides& overrides) {
  const CheckpointState& checkpoint = facts.checkpoint;
  if (checkpoint.kind == CheckpointKind::kPresent && !overrides.resnapshot &&
      !IsSuperseded(*facts.spool, checkpoint)) {
    // Kafka was away when the first start began, and now shows that it was not the first start.
    if (SameSource(checkpoint.source, facts.spool->source)) {
      return halts::CheckpointForeign(*facts.spool, checkpoint, /*has_published=*/false,
                                      facts.places);
    }
    return halts::CheckpointOfOtherDatabase(checkpoint, facts.spool->source, facts.places);
  }
  const std::string note = facts.slot ? fmt::format(
                                            "The first start was interrupted: dropping its slot "
                                            "\"{}\" and starting again",
                                            facts.slot_name)
                                      : "The first start was interrupted: starting again";
  if (checkpoint.kind == CheckpointKind::kPresent && overrides.resnapshot) {
    return Resnapshot(facts, note);
  }
  Plan plan = FirstStart(facts, note);
  if (facts.spool->supersedes) plan.supersedes = LineagesBefore(facts);
  return plan;
}

// What the spool and, if known, the checkpoint prove to be durable.
struct Durable {
  Lsn end_lsn;                    // Everything up to here is in the spool or in Kafka.
  bool checkpoint_ahead = false;  // Everything in the spool is in Kafka.
};

Durable FindDurable(const SpoolState& spool, const CheckpointState& checkpoint) {
  Durable durable{spool.captured.end_lsn, false};
  if (!IsOurs(spool, checkpoint)) return durable;
  const Progress& published = checkpoint.progress;
  durable.checkpoint_ahead =
      published.position > spool.captured.position ||
      (published.position == spool.captured.position && published.end_lsn > spool.captured.end_lsn);
  if (durable.checkpoint_ahead) durable.end_lsn = std::max(durable.end_lsn, published.end_lsn);
  return durable;
}

Outcome ResumeOrFastForward(const StartFacts& facts, const Overrides& overrides) {
  const SpoolState& spool = *facts.spool;
  const Lsn confirmed = facts.slot->confirmed_flush;
  const Durable durable = FindDurable(spool, facts.checkpoint);
  Plan plan;
  if (durable.checkpoint_ahead) {
    plan = BeginAtCheckpoint(
        facts, fmt::format("The spool ends at {} and Kafka's checkpoint is ahead at {}: the spool "
                           "is an older copy. Resuming from the checkpoint",
                           spool.captured.position.ToString(),
                           facts.checkpoint.progress.position.ToString()));
    plan.captured.end_lsn = durable.end_lsn;
  } else if (facts.server.timeline != spool.source.timeline) {
    plan.new_timeline = facts.server.timeline;
    plan.notes.push_back(fmt::format("The server is on timeline {} now; the spool knew timeline {}",
                                     facts.server.timeline, spool.source.timeline));
  }
  if (confirmed <= durable.end_lsn) return plan;
  if (facts.checkpoint.kind == CheckpointKind::kUnknown) {
    return PlanOf(
        Plan::Kind::kWaitForCheckpoint,
        fmt::format("The slot was confirmed up to {} and the spool ends at {}: waiting for "
                    "Kafka, whose checkpoint says whether changes are lost",
                    confirmed.ToString(), durable.end_lsn.ToString()));
  }
  if (!GapAccepted(facts, overrides)) {
    return ResnapshotOr(facts, overrides, halts::Gap(facts, durable.end_lsn));
  }
  if (plan.kind == Plan::Kind::kBeginAt) {
    plan.captured = CapturedUpTo(confirmed);
  } else {
    plan.advance_idle_to = confirmed;
  }
  plan.notes.push_back(GapNote(durable.end_lsn, confirmed));
  plan.overrides_used.push_back("accept-gap=" + confirmed.ToString());
  return plan;
}

Outcome WithSpool(const StartFacts& facts, const Overrides& overrides) {
  const SpoolState& spool = *facts.spool;
  if (!SameDatabase(spool.source, facts.server)) return halts::OtherDatabase(facts);
  if (spool.source.slot != facts.slot_name) return halts::OtherSlot(facts);
  if (spool.phase == SpoolPhase::kFirstStart) return AfterCrashInFirstStart(facts, overrides);

  Lsn known = NewestLsn(spool.captured);
  if (IsOurs(spool, facts.checkpoint)) {
    known = std::max(known, NewestLsn(facts.checkpoint.progress));
  }
  if (WentBack(facts.server, known, spool.source.timeline)) {
    return ResnapshotOr(facts, overrides,
                        halts::DatabaseWentBack(facts, known, spool.source.timeline));
  }
  if (!facts.slot) return ResnapshotOr(facts, overrides, halts::SlotMissing(facts));
  if (facts.slot->lost()) {
    return ResnapshotOr(facts, overrides, halts::SlotInvalidated(facts));
  }
  if (facts.checkpoint.kind != CheckpointKind::kUnknown) {
    auto publish = ReconcilePublish(spool, facts.checkpoint, overrides, facts.places);
    if (auto* halt = std::get_if<Halt>(&publish)) {
      return ResnapshotOr(facts, overrides, std::move(*halt));
    }
  }
  return ResumeOrFastForward(facts, overrides);
}

}  // namespace

Progress CapturedUpTo(Lsn lsn) {
  BW_CHECK(lsn.valid());
  return {Position::EndOf(Lsn{lsn.value - 1}), lsn};
}

std::variant<Plan, Halt> Reconcile(const StartFacts& facts, const Overrides& overrides) {
  // First whether the slot is ours, then whether it is active: an active foreign slot is foreign.
  if (facts.slot &&
      (facts.slot->plugin != "pgoutput" || facts.slot->database != facts.server.database)) {
    return halts::ForeignSlotKind(facts);
  }
  if (facts.slot && facts.slot->active_pid) return halts::SlotActive(*facts.slot);
  Outcome outcome = HasSpool(facts) ? WithSpool(facts, overrides) : WithoutSpool(facts, overrides);
  if (Plan* plan = std::get_if<Plan>(&outcome); plan != nullptr && overrides.resnapshot) {
    outcome = BeginAnew(facts, std::move(*plan));
  }
  if (const Plan* plan = std::get_if<Plan>(&outcome)) {
    // The invariant in reconcile.h, checked independently of how the plan was found.
    const Lsn confirmed = facts.slot ? facts.slot->confirmed_flush : Lsn::Invalid();
    switch (plan->kind) {
      case Plan::Kind::kResume:
        BW_CHECK(HasSpool(facts) && facts.slot);
        BW_CHECK(confirmed <= plan->advance_idle_to.value_or(facts.spool->captured.end_lsn));
        BW_CHECK(plan->advance_idle_to.has_value() == !plan->overrides_used.empty());
        break;
      case Plan::Kind::kBeginAt:
        BW_CHECK(facts.slot && confirmed <= plan->captured.end_lsn);
        BW_CHECK(!HasSpool(facts) ||
                 facts.spool->captured.position <= facts.checkpoint.progress.position);
        break;
      case Plan::Kind::kFirstStart:
      case Plan::Kind::kWaitForCheckpoint:
        break;
    }
  }
  return outcome;
}

}  // namespace bw
