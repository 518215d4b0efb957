#include "publish/partitioner.h"

#include "base/error.h"

namespace bw {

uint32_t Murmur2(std::string_view bytes) {
  constexpr uint32_t kSeed = 0x9747b28c;
  constexpr uint32_t kMultiplier = 0x5bd1e995;
  constexpr int kShift = 24;
  const auto byte = [&](size_t i) -> uint32_t { return static_cast<uint8_t>(bytes[i]); };

  uint32_t hash = kSeed ^ static_cast<uint32_t>(bytes.size());
  size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) {
    uint32_t word = byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash *= kMultiplier;
    hash ^= word;
  }
  if (const size_t left = bytes.size() - i; left > 0) {
    if (left == 3) hash ^= byte(i + 2) << 16;
    if (left >= 2) hash ^= byte(i + 1) << 8;
    hash ^= byte(i);
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

int32_t PartitionOf(const std::optional<std::string_view>& key, Lsn commit_lsn,
                    int32_t partitions) {
  BW_CHECK(partitions >= 1);
  uint32_t hash;
  if (key) {
    hash = Murmur2(*key);
  } else {
    char lsn[8];
    for (int i = 0; i < 8; ++i) lsn[i] = static_cast<char>(commit_lsn.value >> (8 * (7 - i)));
    hash = Murmur2(std::string_view(lsn, sizeof(lsn)));
  }
  return static_cast<int32_t>((hash & 0x7fffffff) % static_cast<uint32_t>(partitions));
}

}  // namespace bw
