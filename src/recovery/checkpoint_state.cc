#include "recovery/checkpoint_state.h"

#include <algorithm>

namespace bw {

bool SameSource(const Source& a, const Source& b) {
  return a.system_identifier == b.system_identifier && a.database == b.database && a.slot == b.slot;
}

bool HasPublished(const SpoolState& spool) {
  return spool.published.position > Position::Zero() || spool.trimmed > Position::Zero() ||
         !spool.predecessor.empty();
}

bool IsOurs(const SpoolState& spool, const CheckpointState& checkpoint) {
  if (checkpoint.kind != CheckpointState::Kind::kPresent) return false;
  if (!SameSource(checkpoint.source, spool.source)) return false;
  if (checkpoint.lineage == spool.lineage) return true;
  if (spool.predecessor.empty() || checkpoint.lineage != spool.predecessor) return false;
  return spool.published.position == Position::Zero() ||
         spool.published.position == checkpoint.progress.position;
}

bool IsSuperseded(const SpoolState& spool, const CheckpointState& checkpoint) {
  if (checkpoint.kind != CheckpointState::Kind::kPresent || !spool.supersedes) return false;
  return std::ranges::count(*spool.supersedes, checkpoint.lineage) != 0;
}

}  // namespace bw
