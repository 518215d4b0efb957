#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "publish/kafka.h"
#include "spool/spool_state.h"

// Checkpoint record := key "checkpoint" | value
// value := JSON object, in UTF-8, with exactly these members:
//   "format"    1
//   "lineage"   of the spool that was published from: 32 hex digits
//   "instance"  of the process that wrote it: 32 hex digits, new at each start
//   "source"    {"system_identifier": text, "database": text, "slot": text, "timeline": number}
//               (a database whose name is not UTF-8: base/name_text.h)
//   "position"  of the newest change that this and all earlier transactions hold, "2/44DAB970:17"
//   "end_lsn"   the WAL up to here is done, "2/44DAB9A8"
//   "offsets"   {topic: [next offset of partition 0, of 1, ...]}, null where nothing was written;
//               every partition ever written, so that a reader can look behind the checkpoint
//   "remedy"    what an operator allowed when this was written, else empty
//   "crc32c"    8 hex digits, over the object without this member, written without white space and
//               with members sorted by name
// JSON, so that an operator can read it with any consumer. The newest record of the topic counts.

namespace bw {

inline constexpr std::string_view kCheckpointKey = "checkpoint";

// What a checkpoint says. A record of ours that Kafka has committed.
struct Checkpoint {
  std::string lineage;
  std::string instance;
  Source source;
  Progress progress;
  NextOffsets next_offsets;
  std::string remedy;
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// What is known of a checkpoint topic.
struct CheckpointState {
  enum class Kind {
    kUnknown,  // Kafka could not be asked.
    kAbsent,   // No topic, or no committed record of ours in it.
    kPresent,
  };
  Kind kind = Kind::kUnknown;
  std::optional<Checkpoint> checkpoint;  // Set when present.

  static CheckpointState Absent() { return {Kind::kAbsent, std::nullopt}; }
  static CheckpointState Present(Checkpoint checkpoint) {
    return {Kind::kPresent, std::move(checkpoint)};
  }
};

std::string EncodeCheckpoint(const Checkpoint& checkpoint);

// Strict: anything unreadable, a newer format or a wrong checksum throws Halt kHaltKafka, naming
// `where` ("topic ..., offset ..."). There is no default for what cannot be read.
Checkpoint DecodeCheckpoint(std::string_view value, const std::string& where);

}  // namespace bw
