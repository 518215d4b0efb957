#pragma once

#include "base/halt.h"
#include "recovery/start_facts.h"

// The halts of Reconcile: their codes, words and remedies, apart from the logic that finds them.

namespace bw::halts {

Halt SlotActive(const SlotState& slot);
Halt ForeignSlotKind(const StartFacts& facts);
Halt ForeignSlot(const StartFacts& facts);
Halt SlotMissing(const StartFacts& facts);
Halt SlotInvalidated(const StartFacts& facts);
// `from` is the end of what is durable, in the spool or in Kafka.
Halt Gap(const StartFacts& facts, Lsn from);
Halt OtherDatabase(const StartFacts& facts);
Halt OtherSlot(const StartFacts& facts);
// `known` is the newest LSN that was captured or published.
Halt DatabaseWentBack(const StartFacts& facts, Lsn known, uint32_t known_timeline);

Halt CheckpointOfOtherDatabase(const CheckpointState& checkpoint, const Source& ours,
                               const RelayPlaces& places);
// `has_published`: this spool has published before, so another relay has published since.
Halt CheckpointForeign(const SpoolState& spool, const CheckpointState& checkpoint,
                       bool has_published, const RelayPlaces& places);
Halt CheckpointMissing(const SpoolState& spool, const RelayPlaces& places);
Halt CheckpointBehind(const SpoolState& spool, const CheckpointState& checkpoint,
                      const RelayPlaces& places);
Halt OtherKafkaCluster(const SpoolState& spool, const CheckpointState& checkpoint);

}  // namespace bw::halts
