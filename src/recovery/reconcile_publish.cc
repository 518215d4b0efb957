#include "recovery/reconcile_publish.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/shown_text.h"
#include "recovery/halts.h"

namespace bw {
namespace {

PublishPlan Republish(const SpoolState& spool, const Position& checkpoint) {
  PublishPlan plan;
  plan.publish_after = std::max(checkpoint, spool.trimmed);
  plan.notes.push_back(
      fmt::format("--republish: publishing again what the spool retains, from {}. {}",
                  plan.publish_after.ToString(),
                  checkpoint >= spool.trimmed
                      ? "Nothing is missing before it"
                      : fmt::format("Changes between {} and there are no longer in the spool",
                                    checkpoint.ToString())));
  plan.overrides_used.push_back("republish");
  return plan;
}

}  // namespace

std::variant<PublishPlan, Halt> ReconcilePublish(const SpoolState& spool,
                                                 const CheckpointState& checkpoint,
                                                 const Overrides& overrides,
                                                 const RelayPlaces& places) {
  BW_CHECK(checkpoint.kind != CheckpointState::Kind::kUnknown);
  const bool other_cluster = !spool.kafka_cluster_id.empty() && !checkpoint.cluster_id.empty() &&
                             spool.kafka_cluster_id != checkpoint.cluster_id;
  if (other_cluster && !overrides.republish) return halts::OtherKafkaCluster(spool, checkpoint);

  PublishPlan plan;
  if (checkpoint.kind == CheckpointState::Kind::kAbsent) {
    if (!HasPublished(spool)) {  // From the beginning.
      if (spool.supersedes) plan.overrides_used.push_back("resnapshot");
      return plan;
    }
    if (overrides.republish) return Republish(spool, Position::Zero());
    return halts::CheckpointMissing(spool, places);
  }

  if (!IsOurs(spool, checkpoint)) {
    // The spool still holds the complete snapshot, which supersedes the topics.
    if (IsSuperseded(spool, checkpoint) && !HasPublished(spool)) {
      plan.notes.push_back(fmt::format(
          "resnapshot: the previous relay's checkpoint (lineage {}, {}) is superseded by the "
          "new snapshot",
          Printable(checkpoint.lineage), checkpoint.progress.position.ToString()));
      plan.overrides_used.push_back("resnapshot");
      return plan;
    }
    if (SameSource(checkpoint.source, spool.source)) {
      return halts::CheckpointForeign(spool, checkpoint, HasPublished(spool), places);
    }
    return halts::CheckpointOfOtherDatabase(checkpoint, spool.source, places);
  }

  const Position& published = checkpoint.progress.position;
  if (published < spool.published.position || published < spool.trimmed) {
    if (overrides.republish) return Republish(spool, published);
    return halts::CheckpointBehind(spool, checkpoint, places);
  }
  // When K is above `captured`, the spool is an older copy: what is received again up to K is
  // skipped.
  plan.publish_after = published;
  return plan;
}

}  // namespace bw
