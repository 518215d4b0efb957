#include "publish/partitioner.h"

#include <librdkafka/rdkafka.h>

#include <array>

#include "base/bytes.h"
#include "base/error.h"

namespace bw {

int32_t PartitionOf(const std::optional<std::string_view>& key, Lsn commit_lsn,
                    int32_t partitions) {
  BW_CHECK(partitions >= 1);
  std::array<char, sizeof(commit_lsn.value)> lsn;
  StoreBigEndian(commit_lsn.value, lsn.data());
  const std::string_view hashed = key.value_or(std::string_view(lsn.data(), lsn.size()));
  // It looks at neither the topic nor the opaque pointers.
  return rd_kafka_msg_partitioner_murmur2(nullptr, hashed.data(), hashed.size(), partitions,
                                          nullptr, nullptr);
}

}  // namespace bw
