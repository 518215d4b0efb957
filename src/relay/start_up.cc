#include "relay/start_up.h"

#include <fmt/format.h>

#include "base/kill_point.h"
#include "base/log.h"
#include "capture/first_start.h"
#include "publish/topic_name.h"

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
  facts.creator_pid = slot->creator_pid;
  facts.wal_status = slot->wal_status;
  facts.invalidation_reason = slot->invalidation_reason;
  facts.plugin = slot->plugin;
  facts.database = slot->database;
  return facts;
}

Source SourceOf(const ServerIdentity& identity, const std::string& slot) {
  return {identity.system_identifier, identity.database, slot, identity.timeline};
}

}  // namespace

StartUp::StartUp(const Parts& parts)
    : parts_(parts),
      decider_({.overrides = parts.options->overrides,
                .look = [this](const CheckpointFacts& checkpoint) { return Look(checkpoint); },
                .cluster = parts.cluster,
                .publish_options = &parts.options->publish,
                .wait = [this](Duration duration) { return parts_.stop->WaitFor(duration); }}) {}

bool StartUp::Run() {
  if (Spool* spool = parts_.opened_spool()) spool->Recover();
  const std::optional<StartDecision> decision = decider_.Decide();
  if (!decision) return false;
  const Plan& plan = decision->plan;
  for (const std::string& note : plan.notes) spdlog::info("{}", note);
  for (const std::string& used : plan.overrides_used) {
    spdlog::warn("An operator has allowed: {}", used);
  }
  return CarryOut(plan, decision->source);
}

StartFacts StartUp::Look(const CheckpointFacts& checkpoint) const {
  const ServerView view = Inspect();
  RequireCapturable(view);
  return GatherFacts(view, checkpoint);
}

// The walsender of a relay that was just killed lives on for a moment, and so does our own after a
// cut connection: a slot that is active at the first look may be free at the next. The other way
// round, a slot of which we know nothing may be another relay's whose first start has just ended:
// it will be active in a moment.
ServerView StartUp::Inspect() const {
  constexpr Duration kStrangersWait{2'000};
  const TimePoint begin = Clock::Real().Now();
  while (true) {
    ServerView view = InspectServer(parts_.options->capture, *parts_.stop);
    if (!view.slot) return view;
    const bool active = view.slot->active_pid.has_value();
    const bool known = parts_.opened_spool() != nullptr;
    if (!active && (known || view.slot->creator_pid)) return view;
    const Duration patience = active ? parts_.options->capture.active_slot_wait : kStrangersWait;
    if (Clock::Real().Now() - begin >= patience || parts_.stop->WaitFor(Duration(200))) {
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
  facts.slot = SlotFactsOf(parts_.options->capture.slot, view.slot);
  facts.places.spool_directory = parts_.options->spool.directory;
  facts.places.checkpoint_topic = CheckpointTopic(
      parts_.options->publish.topic_prefix, SourceOf(view.identity, parts_.options->capture.slot));
  return facts;
}

bool StartUp::CarryOut(const Plan& plan, const Source& source) {
  switch (plan.kind) {
    case Plan::Kind::kFirstStart: {
      FirstStartPlan first = PrepareFirstStart(parts_.options->capture, *parts_.stop);
      first.drop_slot = plan.drop_slot;
      first.supersedes = plan.supersedes;
      Spool* spool = parts_.open_spool_alone();
      NoteRemedies(plan, spool);
      BW_KILL_POINT("startup.spool_made");
      took_snapshot_ = true;
      return RunFirstStart(parts_.options->capture, first, spool, parts_.figures, *parts_.stop);
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
  BW_CHECK(false);  // The decider waits until there is something to carry out.
}

}  // namespace bw
