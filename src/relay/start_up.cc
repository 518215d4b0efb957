#include "relay/start_up.h"

#include "base/backoff.h"
#include "base/kill_point.h"
#include "base/log.h"
#include "capture/first_start.h"
#include "publish/checkpoint_reader.h"
#include "publish/topic_name.h"
#include "publish/topic_trial.h"
#include "spool/toast_cache.h"

namespace bw {
namespace {

Source SourceOf(const ServerIdentity& identity, const std::string& slot) {
  return {identity.system_identifier, identity.database, slot, identity.timeline};
}

// While nothing is made yet: publishing would end with it later.
void RequireTopicSettings(KafkaCluster* cluster, const PublishOptions& options) {
  std::optional<Error> refusal;
  try {
    refusal = FindTopicRefusal(cluster, options, /*checkpoint_topic=*/"");
  } catch (const Error& error) {
    spdlog::debug("Whether topics can be created is not known yet: {}", error.what());
  }
  if (!refusal) return;
  if (refusal->kind() == ErrorKind::kUsage) throw *refusal;
  spdlog::warn("{}", refusal->what());
}

// Noted before the plan is carried out, so that no crash loses them.
void NoteRemedies(const Plan& plan, Spool* spool) {
  for (const std::string& used : plan.overrides_used) spool->ledger().NoteRemedy(used);
}

}  // namespace

std::optional<OpenedServer> StartUp::Run() {
  while (true) {
    std::optional<Decision> decision = Decide();
    if (!decision) return std::nullopt;
    for (const std::string& note : decision->plan.notes) spdlog::info("{}", note);
    for (const std::string& used : decision->plan.overrides_used) {
      spdlog::warn("An operator has allowed: {}", used);
    }
    if (!CarryOut(*decision)) return std::nullopt;
    parts_.start_publishing();
    if (decision->plan.kind == Plan::Kind::kResume) return std::move(decision->server);
  }
}

std::optional<StartUp::Decision> StartUp::Decide() {
  AwayLog kafka_away("Kafka (" + parts_.options->publish.brokers + ")", parts_.troubles);
  Backoff backoff;
  CheckpointState checkpoint;  // Unknown until it is needed.
  bool asked = false;          // Since the last wait.
  while (true) {
    OpenedServer server = Look();
    const StartFacts facts = GatherFacts(server.view, checkpoint);
    const Overrides overrides = AllowedOverrides(facts);
    const auto outcome = Reconcile(facts, overrides);
    const auto* plan = std::get_if<Plan>(&outcome);
    if (checkpoint.kind == CheckpointState::Kind::kUnknown && !asked &&
        WantsCheckpoint(plan, overrides)) {
      const Source source = SourceOf(server.view.identity, facts.slot_name);
      server.connection.reset();  // Holds nothing in PostgreSQL while Kafka is asked.
      checkpoint = AskForCheckpoint(source);
      asked = true;
      if (checkpoint.kind != CheckpointState::Kind::kUnknown && !facts.spool) {
        RequireTopicSettings(parts_.cluster, parts_.options->publish);
      }
      continue;
    }
    if (const auto* halt = std::get_if<Halt>(&outcome)) throw halt->ToError();
    if (plan->kind != Plan::Kind::kWaitForCheckpoint) {
      kafka_away.Back();
      return Decision{*plan, std::move(server)};
    }
    server.connection.reset();
    kafka_away.Away("no broker answers, and its checkpoint decides how capture goes on");
    if (parts_.capture.stop->WaitFor(backoff.Next())) return std::nullopt;
    asked = false;
  }
}

OpenedServer StartUp::Continue() {
  OpenedServer server = Look();
  const StartFacts facts = GatherFacts(server.view, /*checkpoint=*/{});
  const auto outcome = Reconcile(facts, AllowedOverrides(facts));
  if (const auto* halt = std::get_if<Halt>(&outcome)) throw halt->ToError();
  const auto* plan = std::get_if<Plan>(&outcome);
  if (plan->kind != Plan::Kind::kResume) {
    throw TransientError("The slot no longer continues the spool; looking again");
  }
  for (const std::string& note : plan->notes) spdlog::info("{}", note);
  CarryOutResume(*plan);
  return server;
}

// The spool's content is what can be read back from its disk, so a failed one recovers first.
//
// The walsender of a relay that was just killed lives on for a moment, and so does our own after a
// lost connection: a slot that is active at the first look may be free at the next. Conversely, an
// unknown slot may belong to another relay whose first start has just ended: it will be active in a
// moment.
OpenedServer StartUp::Look() const {
  constexpr Duration kStrangersWait{2'000};
  if (Spool* spool = parts_.opened_spool()) spool->Recover();
  OpenedServer server;
  server.connection = parts_.capture.server->Connect();
  server.view = server.connection->Look();
  RequireCapturable(server.view, parts_.options->capture.on_truncate);
  const TimePoint begin = parts_.capture.clock->Now();
  while (!IsSettled(server.view)) {
    const Duration patience =
        server.view.slot->active_pid ? parts_.options->capture.active_slot_wait : kStrangersWait;
    if (parts_.capture.clock->Now() - begin >= patience) break;
    if (parts_.capture.stop->WaitFor(Duration(200))) break;
    server.view = server.connection->Look();
  }
  return server;
}

bool StartUp::IsSettled(const ServerView& view) const {
  if (!view.slot) return true;
  const bool is_known = parts_.opened_spool() != nullptr;
  return !view.slot->active_pid && (is_known || view.slot->creator_pid);
}

StartFacts StartUp::GatherFacts(const ServerView& view, const CheckpointState& checkpoint) const {
  StartFacts facts;
  facts.server = view.identity;
  facts.slot_name = parts_.options->capture.slot;
  facts.slot = view.slot;
  if (const Spool* spool = parts_.opened_spool()) facts.spool = spool->ledger().state();
  facts.checkpoint = checkpoint;
  facts.places.spool_directory = parts_.options->spool.directory;
  facts.places.checkpoint_topic = CheckpointTopic(parts_.options->publish.topic_prefix,
                                                  SourceOf(view.identity, facts.slot_name));
  return facts;
}

// `bottledwater resnapshot` means one re-snapshot, however often this process runs start-up.
Overrides StartUp::AllowedOverrides(const StartFacts& facts) {
  Overrides overrides = parts_.options->overrides;
  const std::string lineage = facts.spool ? facts.spool->lineage : "";
  if (!first_lineage_) first_lineage_ = lineage;
  if (lineage != *first_lineage_) overrides.resnapshot = false;
  return overrides;
}

// A first start need not wait for Kafka, but if Kafka answers, its checkpoint is taken into account
// before anything is created. Halts about Kafka's state are found by publish sessions; a
// re-snapshot is the remedy for some of them, and needs the checkpoint here.
bool StartUp::WantsCheckpoint(const Plan* plan, const Overrides& overrides) const {
  if (overrides.resnapshot) return true;
  return plan != nullptr &&
         (plan->kind == Plan::Kind::kFirstStart || plan->kind == Plan::Kind::kWaitForCheckpoint);
}

CheckpointState StartUp::AskForCheckpoint(const Source& source) const {
  try {
    return FetchCheckpoint(parts_.cluster, parts_.options->publish, source);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kTransient) throw;
    spdlog::debug("The checkpoint cannot be read yet: {}", error.what());
    return {};  // Unknown. The publish side reads it once Kafka is back, and halts if it must.
  }
}

bool StartUp::CarryOut(const Decision& decision) {
  const Plan& plan = decision.plan;
  switch (plan.kind) {
    case Plan::Kind::kFirstStart:
      return CarryOutFirstStart(plan, decision.server);
    case Plan::Kind::kBeginAt: {
      Spool* spool = parts_.open_spool_alone();
      NoteRemedies(plan, spool);
      const ServerIdentity& identity = decision.server.view.identity;
      spool->BeginStreamingAt(SourceOf(identity, parts_.options->capture.slot), plan.captured,
                              plan.predecessor);
      BW_KILL_POINT("startup.begun_at");
      return true;
    }
    case Plan::Kind::kResume:
      return CarryOutResume(plan);
    case Plan::Kind::kWaitForCheckpoint:
      break;
  }
  BW_CHECK(false);  // Decide returns no plan to wait.
}

bool StartUp::CarryOutFirstStart(const Plan& plan, const OpenedServer& server) {
  FirstStartPlan first = PrepareFirstStart(parts_.options->capture, server);
  first.drop_slot = plan.drop_slot;
  first.supersedes = plan.supersedes;
  Spool* spool = parts_.open_spool_alone();
  NoteRemedies(plan, spool);
  BW_KILL_POINT("startup.spool_made");
  took_snapshot_ = true;
  return RunFirstStart(parts_.capture, first, server.connection.get(), spool);
}

bool StartUp::CarryOutResume(const Plan& plan) {
  Spool* spool = parts_.opened_spool();
  NoteRemedies(plan, spool);
  if (plan.new_timeline) {
    spool->log().toast().ForgetProofsAfter(spool->ledger().captured().end_lsn);
    spool->ledger().SetTimeline(*plan.new_timeline);
  }
  if (!plan.advance_idle_to) return true;
  spool->log().DropUncaptured();
  spool->log().toast().EraseAll();  // Changes are left out.
  spool->log().AdvanceIdle(*plan.advance_idle_to);
  return spool->log().WaitUntilDurable(*parts_.capture.stop);
}

}  // namespace bw
