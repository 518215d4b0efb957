#include "relay/checkpoint_facts.h"

#include <fmt/ranges.h>

#include "base/log.h"

namespace bw {

CheckpointFacts CheckpointFactsOf(const CheckpointState& state, const std::string& cluster_id) {
  CheckpointFacts facts;
  facts.cluster_id = cluster_id;
  if (!state.checkpoint) {
    facts.kind = CheckpointFacts::Kind::kAbsent;
    return facts;
  }
  facts.kind = CheckpointFacts::Kind::kPresent;
  facts.lineage = state.checkpoint->lineage;
  facts.source = state.checkpoint->source;
  facts.progress = state.checkpoint->progress;
  return facts;
}

CheckpointReconciler ReconcilerFor(const Overrides& overrides, const RelayPlaces& places) {
  return [=](const SpoolState& spool, const CheckpointState& state, const std::string& cluster_id) {
    const auto outcome =
        ReconcilePublish(spool, CheckpointFactsOf(state, cluster_id), overrides, places);
    if (const auto* halt = std::get_if<Halt>(&outcome)) throw halt->ToError();
    const auto& plan = std::get<PublishPlan>(outcome);
    for (const std::string& note : plan.notes) spdlog::warn("{}", note);

    ResumeFrom resume;
    resume.remedy = fmt::format("{}", fmt::join(plan.overrides_used, "; "));
    if (plan.supersede) resume.supersedes = state.checkpoint->lineage;
    // The checkpoint counts unless it was overridden: of another position, only that is known.
    if (state.checkpoint && state.checkpoint->progress.position == plan.publish_after) {
      resume.progress = state.checkpoint->progress;
      resume.next_offsets = state.checkpoint->next_offsets;
    } else {
      resume.progress = {plan.publish_after, Lsn::Invalid()};
    }
    return resume;
  };
}

}  // namespace bw
