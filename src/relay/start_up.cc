#include "relay/start_up.h"

#include <fmt/format.h>

#include "base/backoff.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "capture/first_start.h"
#include "publish/checkpoint_reader.h"
#include "publish/topic_name.h"
#include "relay/checkpoint_facts.h"

namespace bw {
namespace {

ServerFacts ServerFactsOf(const ServerIdentity& identity, uint32_t known_timeline) {
  ServerFacts facts;
  facts.system_identifier = identity.system_identifier;
  facts.database = identity.database;
  facts.timeline = identity.timeline;
  facts.wal_end = identity.wal_end;
  const std::optional<Lsn> switch_point = identity.SwitchPointOf(known_timeline);
  if (switch_point && switch_point->valid()) facts.switch_point = switch_point;
  return facts;
}

SlotFacts SlotFactsOf(const std::string& name, const std::optional<SlotState>& slot) {
  SlotFacts facts;
  facts.name = name;
  if (!slot) return facts;
  facts.exists = true;
  facts.confirmed_flush = slot->confirmed_flush;
  facts.active = slot->active_pid.has_value();
  facts.active_pid = slot->active_pid;
  facts.wal_status = slot->wal_status;
  facts.plugin = slot->plugin;
  facts.database = slot->database;
  return facts;
}

// Before the plan is carried out, so that no crash makes it forgotten.
void NoteRemedies(const Plan& plan, Spool* spool) {
  for (const std::string& used : plan.overrides_used) spool->NoteRemedy(used);
}

Source SourceOf(const ServerIdentity& identity, const std::string& slot) {
  return {identity.system_identifier, identity.database, slot, identity.timeline};
}

}  // namespace

bool StartUp::Run() {
  if (Spool* spool = parts_.opened_spool()) spool->Recover();
  const std::optional<Decision> decision = Decide();
  if (!decision) return false;
  decided_ = true;
  const Plan& plan = decision->plan;
  for (const std::string& note : plan.notes) spdlog::info("{}", note);
  for (const std::string& used : plan.overrides_used) {
    spdlog::warn("An operator has allowed: {}", used);
  }
  return CarryOut(plan, decision->source);
}

// PostgreSQL is looked at again once Kafka has answered. That may have taken hours, and what the
// slot was before it says nothing about what PostgreSQL still has.
std::optional<StartUp::Decision> StartUp::Decide() {
  AwayLog kafka_away("Kafka, whose checkpoint decides how to go on,");
  Backoff backoff;
  CheckpointFacts checkpoint;  // Unknown, until it is needed.
  while (true) {
    const ServerView view = Inspect();
    RequireCapturable(view);
    const Source source = SourceOf(view.identity, parts_.options->slot);
    const Overrides overrides = AllowedOverrides();
    const auto outcome = Reconcile(GatherFacts(view, checkpoint), overrides);
    const auto* plan = std::get_if<Plan>(&outcome);
    if (checkpoint.kind == CheckpointFacts::Kind::kUnknown && WantsCheckpoint(plan, overrides)) {
      checkpoint = AskForCheckpoint(source);
      if (checkpoint.kind != CheckpointFacts::Kind::kUnknown) continue;
    }
    if (const auto* halt = std::get_if<Halt>(&outcome)) throw halt->ToError();
    if (plan->kind != Plan::Kind::kWaitForCheckpoint) {
      kafka_away.Back();
      return Decision{*plan, source};
    }
    kafka_away.Away("no broker of " + parts_.options->brokers + " answers");
    if (parts_.stop->WaitFor(backoff.Next())) return std::nullopt;
  }
}

// A first start need not wait for Kafka, but when it is there, what it knows is heard before
// anything is made. A halt on Kafka's side is the publish sessions' to find; to take its remedy, it
// is looked for here.
bool StartUp::WantsCheckpoint(const Plan* plan, const Overrides& overrides) const {
  if (overrides.begin_anew || (overrides.resnapshot && !decided_)) return true;
  return plan != nullptr &&
         (plan->kind == Plan::Kind::kFirstStart || plan->kind == Plan::Kind::kWaitForCheckpoint);
}

// The walsender of a relay that was just killed lives on for a moment, and so does our own after a
// cut connection: a slot that is active at the first look may be free at the next.
ServerView StartUp::Inspect() const {
  const TimePoint deadline = Clock::Real().Now() + parts_.capture_options->active_slot_wait;
  while (true) {
    ServerView view = InspectServer(*parts_.capture_options, *parts_.stop);
    const bool active = view.slot && view.slot->active_pid;
    if (!active || Clock::Real().Now() >= deadline || parts_.stop->WaitFor(Duration(200))) {
      return view;
    }
  }
}

StartFacts StartUp::GatherFacts(const ServerView& view, const CheckpointFacts& checkpoint) const {
  StartFacts facts;
  facts.checkpoint = checkpoint;
  uint32_t known_timeline = view.identity.timeline;
  if (checkpoint.kind == CheckpointFacts::Kind::kPresent) {
    known_timeline = checkpoint.source.timeline;
  }
  if (const Spool* spool = parts_.opened_spool()) {
    facts.spool = spool->state();
    known_timeline = facts.spool->source.timeline;
  }
  facts.server = ServerFactsOf(view.identity, known_timeline);
  facts.slot = SlotFactsOf(parts_.options->slot, view.slot);
  facts.places.spool_directory = parts_.options->spool;
  facts.places.checkpoint_topic =
      CheckpointTopic(parts_.options->topic_prefix, SourceOf(view.identity, parts_.options->slot));
  return facts;
}

// `bottledwater resnapshot` means one re-snapshot, however often this process starts again.
Overrides StartUp::AllowedOverrides() {
  Overrides overrides = parts_.options->overrides;
  const Spool* spool = parts_.opened_spool();
  const std::string lineage = spool != nullptr ? spool->state().lineage : "";
  if (!first_lineage_) first_lineage_ = lineage;
  if (lineage != *first_lineage_) overrides.begin_anew = false;
  return overrides;
}

CheckpointFacts StartUp::AskForCheckpoint(const Source& source) const {
  try {
    const std::string cluster_id = parts_.cluster->ClusterId();
    return CheckpointFactsOf(FetchCheckpoint(parts_.cluster, *parts_.publish_options, source),
                             cluster_id);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kTransient) throw;
    spdlog::debug("The checkpoint cannot be read yet: {}", error.what());
    return {};  // Unknown. The publish side reads it when Kafka comes, and halts if it must.
  }
}

bool StartUp::CarryOut(const Plan& plan, const Source& source) {
  switch (plan.kind) {
    case Plan::Kind::kFirstStart: {
      FirstStartPlan first = PrepareFirstStart(*parts_.capture_options, *parts_.stop);
      first.drop_slot = plan.drop_slot;
      first.supersedes = plan.supersedes;
      Spool* spool = parts_.open_spool_alone();
      NoteRemedies(plan, spool);
      BW_KILL_POINT("startup.spool_made");
      took_snapshot_ = true;
      return RunFirstStart(*parts_.capture_options, first, spool, parts_.figures, *parts_.stop);
    }
    case Plan::Kind::kBeginAt: {
      Spool* spool = parts_.open_spool_alone();
      NoteRemedies(plan, spool);
      spool->BeginStreamingAt(source, plan.captured, plan.predecessor);
      BW_KILL_POINT("startup.begun_at");
      return true;
    }
    case Plan::Kind::kResume: {
      Spool* spool = parts_.opened_spool();
      NoteRemedies(plan, spool);
      if (plan.new_timeline) spool->SetTimeline(*plan.new_timeline);
      if (plan.advance_idle_to) {
        spool->DropUncaptured();
        spool->AdvanceIdle(*plan.advance_idle_to);
        while (!spool->WaitUntilDurable(Duration(1'000), *parts_.stop)) {
          if (parts_.stop->requested()) return false;
        }
      }
      return true;
    }
    case Plan::Kind::kWaitForCheckpoint:
      break;
  }
  BW_CHECK(false);  // Decide waits until there is something to carry out.
}

}  // namespace bw
