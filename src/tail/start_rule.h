#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "publish/kafka.h"

namespace bw {

// --from: where to begin in each partition.
struct StartRule {
  enum class Kind {
    kBeginning,
    kEnd,
    kOffset,  // `number` is the offset, or as near to it as there is something.
    kLast,    // `number` is how many of the last messages.
    kTime,    // `number` is in milliseconds since 1970-01-01 UTC.
    kKnown,  // What the group has stored, or what follows the table's last row; else the beginning.
  };
  Kind kind = Kind::kBeginning;
  int64_t number = 0;

  friend bool operator==(const StartRule&, const StartRule&) = default;
};

// "beginning", "end", "stored", "120", "-10", "2026-11-22T03:11:19Z" (RFC 3339). `where` is the
// option for the message of the usage Error.
StartRule ParseStartRule(std::string_view where, std::string_view text);

// What is known of a partition when reading begins.
struct PartitionState {
  TopicPartition name;
  StoredOffsets stored;  // Of the topic: what has not been deleted.
  int64_t end = 0;       // Where read_committed reading ends for now; at most stored.high.
  // Of a time, or of the last messages, if the rule asks for them.
  std::optional<int64_t> found;
  // The offset to go on from, which a group or a table keeps.
  std::optional<int64_t> known;
};

// Who keeps known offsets, for messages.
struct OffsetKeeper {
  std::string name;          // "group audit", "table landing".
  std::string how_to_reset;  // What to do when the topic is another one.
  bool skip_lost = false;    // --skip-lost
};

// The first offset to read. Throws a halt Error when messages between the known offset and what the
// topic still has were deleted, unless they may be skipped, or when the topic ends before the known
// offset. Pure.
int64_t StartOffset(const StartRule& rule, const PartitionState& state, const OffsetKeeper& keeper);

}  // namespace bw
