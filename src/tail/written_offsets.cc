#include "tail/written_offsets.h"

#include "base/error.h"

namespace bw {

void WrittenOffsets::Expect(const TopicPartition& partition, int64_t next, uint64_t output_bytes) {
  BW_CHECK(expected_.empty() || expected_.back().output_bytes <= output_bytes);
  expected_.push_back({partition, next, output_bytes});
}

void WrittenOffsets::NoteWritten(uint64_t output_bytes) {
  for (; !expected_.empty() && expected_.front().output_bytes <= output_bytes;
       expected_.pop_front()) {
    written_[expected_.front().partition] = expected_.front().next;
  }
}

void WrittenOffsets::Forget(const std::string& topic) {
  std::erase_if(expected_,
                [&](const Expected& expected) { return expected.partition.topic == topic; });
  std::erase_if(written_, [&](const auto& entry) { return entry.first.topic == topic; });
}

NextOffsets WrittenOffsets::Unstored() const {
  NextOffsets unstored;
  for (const auto& [partition, next] : written_) {
    const auto stored = stored_.find(partition);
    if (stored == stored_.end() || stored->second != next) unstored[partition] = next;
  }
  return unstored;
}

void WrittenOffsets::NoteStored(const NextOffsets& offsets) {
  for (const auto& [partition, next] : offsets) stored_[partition] = next;
}

}  // namespace bw
