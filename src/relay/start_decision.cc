#include "relay/start_decision.h"

#include "base/backoff.h"
#include "base/log.h"
#include "publish/checkpoint_reader.h"
#include "relay/checkpoint_facts.h"

namespace bw {

std::optional<StartDecision> StartDecider::Decide() {
  AwayLog kafka_away("Kafka, whose checkpoint decides how to go on,");
  Backoff backoff;
  CheckpointFacts checkpoint;  // Unknown, until it is needed.
  while (true) {
    const StartFacts facts = parts_.look(checkpoint);
    const Source source{facts.server.system_identifier, facts.server.database, facts.slot.name,
                        facts.server.timeline};
    const Overrides overrides = AllowedOverrides(facts);
    const auto outcome = Reconcile(facts, overrides);
    const auto* plan = std::get_if<Plan>(&outcome);
    if (checkpoint.kind == CheckpointFacts::Kind::kUnknown && WantsCheckpoint(plan, overrides)) {
      checkpoint = AskForCheckpoint(source);
      if (checkpoint.kind != CheckpointFacts::Kind::kUnknown) continue;
    }
    if (const auto* halt = std::get_if<Halt>(&outcome)) throw halt->ToError();
    if (plan->kind != Plan::Kind::kWaitForCheckpoint) {
      kafka_away.Back();
      decided_ = true;
      return StartDecision{*plan, source};
    }
    kafka_away.Away("no broker of " + parts_.publish_options->brokers + " answers");
    if (parts_.wait(backoff.Next())) return std::nullopt;
  }
}

// `bottledwater resnapshot` means one re-snapshot, however often this process starts again.
Overrides StartDecider::AllowedOverrides(const StartFacts& facts) {
  Overrides overrides = parts_.overrides;
  const std::string lineage = facts.spool ? facts.spool->lineage : "";
  if (!first_lineage_) first_lineage_ = lineage;
  if (lineage != *first_lineage_) overrides.begin_anew = false;
  return overrides;
}

// A first start need not wait for Kafka, but when it is there, what it knows is heard before
// anything is made. A halt on Kafka's side is the publish sessions' to find; to take its remedy, it
// is looked for here.
bool StartDecider::WantsCheckpoint(const Plan* plan, const Overrides& overrides) const {
  if (overrides.begin_anew || (overrides.resnapshot && !decided_)) return true;
  return plan != nullptr &&
         (plan->kind == Plan::Kind::kFirstStart || plan->kind == Plan::Kind::kWaitForCheckpoint);
}

CheckpointFacts StartDecider::AskForCheckpoint(const Source& source) const {
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

void NoteRemedies(const Plan& plan, Spool* spool) {
  for (const std::string& used : plan.overrides_used) spool->NoteRemedy(used);
}

}  // namespace bw
