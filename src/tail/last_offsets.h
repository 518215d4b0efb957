#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "publish/kafka.h"
#include "tail/start_rule.h"

namespace bw {

// For each partition the offset of the `count`-th message before its end, or of the first one where
// there are fewer. Messages are counted, not offsets: transactions, aborted messages and compaction
// leave offsets without any. Reads backwards in growing steps.
std::vector<int64_t> OffsetsOfLast(KafkaCluster* kafka, std::span<const PartitionState> partitions,
                                   int64_t count);

}  // namespace bw
