#include "publish/publish_reconcile.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace bw {
namespace {

// Names what is published again and offers both ways out, which every loss on Kafka's side has.
std::string Remedies(const SpoolState& spool) {
  return fmt::format(
      "Remedies: \"bottledwater resnapshot\" makes every topic complete again from the database; "
      "or "
      "start once with --republish to publish again what the spool still holds, everything after "
      "{} "
      "(consumers may see those changes twice, and what was trimmed before is not repeated).",
      spool.trimmed.ToString());
}

bool IsOurSource(const Source& a, const Source& b) {
  return a.system_identifier == b.system_identifier && a.database == b.database && a.slot == b.slot;
}

// Goes on behind everything that the spool no longer holds, by the operator's leave.
ResumeFrom Republish(const SpoolState& spool, const std::string& finding) {
  return {{spool.trimmed, Lsn::Invalid()}, {}, "republish: " + finding};
}

}  // namespace

std::variant<ResumeFrom, PublishHalt> ReconcileCheckpoint(const SpoolState& spool,
                                                          const CheckpointState& state,
                                                          const std::string& cluster_id,
                                                          const std::string& checkpoint_topic,
                                                          bool republish) {
  BW_CHECK(state.kind != CheckpointState::Kind::kUnknown);
  BW_CHECK((state.kind == CheckpointState::Kind::kPresent) == state.checkpoint.has_value());
  const auto lost = [&](const std::string& finding) -> std::variant<ResumeFrom, PublishHalt> {
    if (republish) return Republish(spool, finding);
    return PublishHalt{finding + " " + Remedies(spool)};
  };
  const bool published_before = !spool.kafka_cluster_id.empty();

  if (published_before && spool.kafka_cluster_id != cluster_id) {
    return lost(
        fmt::format("Another Kafka cluster answers: its id is \"{}\", and this spool published to "
                    "\"{}\". If the "
                    "address is wrong, correct --broker.",
                    cluster_id, spool.kafka_cluster_id));
  }

  if (!state.checkpoint) {
    if (published_before || !spool.predecessor.empty()) {
      return lost(fmt::format(
          "The checkpoint is gone: topic \"{}\" is missing or empty, but changes up to {} were "
          "published. Kafka was wiped or restored, or the topic was deleted.",
          checkpoint_topic, std::max(spool.published.position, spool.trimmed).ToString()));
    }
    // The first session of this spool: everything in it is unpublished.
    return ResumeFrom{{spool.trimmed, Lsn::Invalid()}, {}, ""};
  }

  const Checkpoint& checkpoint = *state.checkpoint;
  if (!IsOurSource(checkpoint.source, spool.source)) {
    return PublishHalt{fmt::format(
        "The checkpoint in topic \"{}\" is of another source: database \"{}\" of system {}, slot "
        "\"{}\"; ours is \"{}\" of system {}, slot \"{}\". Two relays must not share it: give one "
        "of "
        "them its own --slot or --topic-prefix.",
        checkpoint_topic, checkpoint.source.database, checkpoint.source.system_identifier,
        checkpoint.source.slot, spool.source.database, spool.source.system_identifier,
        spool.source.slot)};
  }

  const Position published = checkpoint.progress.position;
  const bool of_this_spool = checkpoint.lineage == spool.lineage;
  const bool of_predecessor =
      !published_before && !spool.predecessor.empty() && checkpoint.lineage == spool.predecessor;
  if (!of_this_spool && !of_predecessor) {
    return lost(
        fmt::format("The checkpoint in topic \"{}\" was written from another spool (lineage {}, "
                    "ours is {}) and "
                    "ends at {}. This spool cannot know what that one published.",
                    checkpoint_topic, checkpoint.lineage, spool.lineage, published.ToString()));
  }
  if (published > spool.captured.position) {
    return PublishHalt{
        fmt::format("Kafka is ahead of the spool: published up to {}, but the spool ends at {}. "
                    "The spool is an "
                    "older copy of itself. Remedy: stop and start while Kafka can be reached; the "
                    "start compares "
                    "both with the slot and moves the spool forward if nothing is missing.",
                    published.ToString(), spool.captured.position.ToString())};
  }
  const Position remembered = std::max(spool.published.position, spool.trimmed);
  if (published < remembered) {
    const std::string finding = fmt::format(
        "Kafka has lost what it had committed: its checkpoint ends at {}, but changes up to {} "
        "were "
        "published. It was restored from a backup, or an unclean leader was elected.",
        published.ToString(), remembered.ToString());
    if (republish && published >= spool.trimmed) {
      // Nothing between is trimmed: exactly what the checkpoint lacks is published again.
      return ResumeFrom{checkpoint.progress, checkpoint.next_offsets, "republish: " + finding};
    }
    return lost(finding);
  }
  return ResumeFrom{checkpoint.progress, checkpoint.next_offsets, ""};
}

}  // namespace bw
