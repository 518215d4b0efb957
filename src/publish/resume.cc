#include "publish/resume.h"

#include <fmt/ranges.h>

#include "base/log.h"
#include "recovery/reconcile_publish.h"

namespace bw {

CheckpointState StateOf(const std::optional<Checkpoint>& newest, const std::string& cluster_id) {
  CheckpointState state;
  state.kind = newest ? CheckpointState::Kind::kPresent : CheckpointState::Kind::kAbsent;
  state.cluster_id = cluster_id;
  if (!newest) return state;
  state.lineage = newest->lineage;
  state.source = newest->source;
  state.progress = newest->progress;
  return state;
}

ResumeFrom DecideResume(const SpoolState& spool, const std::optional<Checkpoint>& newest,
                        const std::string& cluster_id, const Overrides& overrides,
                        const RelayPlaces& places) {
  const auto outcome = ReconcilePublish(spool, StateOf(newest, cluster_id), overrides, places);
  if (const auto* halt = std::get_if<Halt>(&outcome)) throw halt->ToError();
  const auto& plan = std::get<PublishPlan>(outcome);
  for (const std::string& note : plan.notes) spdlog::warn("{}", note);

  ResumeFrom resume;
  resume.remedy = fmt::format("{}", fmt::join(plan.overrides_used, "; "));
  // The checkpoint counts unless it was overridden; then only the position is known.
  if (newest && newest->progress.position == plan.publish_after) {
    resume.progress = newest->progress;
    resume.next_offsets = newest->next_offsets;
  } else {
    resume.progress = {plan.publish_after, Lsn::Invalid()};
  }
  return resume;
}

}  // namespace bw
