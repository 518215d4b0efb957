#include "tail/last_offsets.h"

#include <algorithm>
#include <deque>

namespace bw {
namespace {

constexpr int64_t kStepFactor = 4;
// A transaction of one message has two offsets.
constexpr int64_t kFirstStepPerMessage = 2;
constexpr int64_t kFirstStepMin = 100;

}  // namespace

std::vector<int64_t> OffsetsOfLast(KafkaCluster* kafka, std::span<const PartitionState> partitions,
                                   int64_t count) {
  std::vector<int64_t> offsets;
  std::vector<size_t> open;
  for (size_t i = 0; i < partitions.size(); ++i) {
    offsets.push_back(partitions[i].stored.low);
    if (partitions[i].end > partitions[i].stored.low) open.push_back(i);
  }
  int64_t step = std::max(kFirstStepMin, kFirstStepPerMessage * count);
  for (; !open.empty(); step *= kStepFactor) {
    std::vector<ReadRange> ranges;
    for (const size_t i : open) {
      const PartitionState& partition = partitions[i];
      ranges.push_back(
          {partition.name, std::max(partition.stored.low, partition.end - step), partition.end});
    }
    std::vector<std::deque<int64_t>> last(open.size());
    kafka->ReadCommitted(ranges, [&](const CommittedRecord& record) {
      last[record.range].push_back(record.offset);
      if (std::ssize(last[record.range]) > count) last[record.range].pop_front();
    });
    std::vector<size_t> still_open;
    for (size_t k = 0; k < open.size(); ++k) {
      if (std::ssize(last[k]) == count) {
        offsets[open[k]] = last[k].front();
      } else if (ranges[k].from > partitions[open[k]].stored.low) {
        still_open.push_back(open[k]);
      }
    }
    open = std::move(still_open);
  }
  return offsets;
}

}  // namespace bw
