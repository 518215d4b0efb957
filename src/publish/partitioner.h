#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/lsn.h"

namespace bw {

// The partition of a message, 0 to partitions - 1, as Java's default partitioner chooses it:
// toPositive(murmur2(key)) % partitions (org.apache.kafka.common.utils.Utils), so that our topics
// co-partition with other producers'. A message without a key uses the 8 big-endian bytes of its
// commit LSN: publishing it again chooses the same partition, and the rows of a transaction keep
// their order.
//
// `partitions` is at least 1. Pure.
int32_t PartitionOf(const std::optional<std::string_view>& key, Lsn commit_lsn, int32_t partitions);

}  // namespace bw
