#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "publish/kafka.h"
#include "spool/spool_state.h"

// Checkpoint record := key "checkpoint" | value
// value := JSON object, in UTF-8, with exactly these members:
//   "format"    1 with "offsets", 2 with "parts"
//   "lineage"   of the spool that was published from: 32 hex digits
//   "instance"  of the process that wrote it: 32 hex digits, new at each start
//   "source"    {"system_identifier": text, "database": text, "slot": text, "timeline": number}
//               (a database whose name is not UTF-8: base/name_text.h)
//   "position"  of the newest change that this and all earlier transactions hold, "2/44DAB970:17"
//   "end_lsn"   the WAL up to here is done, "2/44DAB9A8"
//   "offsets"   {topic: [next offset of partition 0, of 1, ...]}, null where nothing was written;
//               every partition ever written, so that a reader can look beyond the checkpoint
//   "parts"     when the offsets are too many for one record, where they are: of part 0, 1, ...
//               the slot, "a" or "b", and the part's crc32c, "a3f0f40d5"
//   "remedy"    what an operator allowed when this was written, else empty
//   "crc32c"    8 hex digits, over the object without this member, written without white space and
//               with members sorted by name
//
// Part record := key "offsets/<part>/<slot>" | value
// value := JSON object with exactly these members:
//   "format"    2
//   "instance"  as above
//   "position"  as above, of the checkpoint that it was written with
//   "part"      its number, from 0
//   "parts"     how many there are
//   "offsets"   {topic: [[first partition, [next offset, ...]], ...]}, null where nothing was
//   written "crc32c"    as above
//
// JSON, so that an operator can read it with any consumer. The newest checkpoint record of the
// topic counts, with the parts that it names; checkpoint_writer.h says why those are always there.

namespace bw {

inline constexpr std::string_view kCheckpointKey = "checkpoint";

// A part of a checkpoint, as the checkpoint names it.
struct CheckpointPart {
  char slot = 'a';  // Or 'b'.
  std::string crc32c;
  friend bool operator==(const CheckpointPart&, const CheckpointPart&) = default;
};

// What a checkpoint says. A record of ours that Kafka has committed.
struct Checkpoint {
  std::string lineage;
  std::string instance;
  Source source;
  Progress progress;
  NextOffsets next_offsets;
  std::string remedy;
  // Not empty: the record itself has no offsets, they are in these parts.
  std::vector<CheckpointPart> parts;
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// Leaves `next_offsets` out when there are parts.
std::string EncodeCheckpoint(const Checkpoint& checkpoint);

// Strict: anything unreadable, a newer format or a wrong checksum throws Halt kHaltKafka, naming
// `where` ("topic ..., offset ..."). There is no default for what cannot be read. The offsets of a
// checkpoint with parts stay empty.
Checkpoint DecodeCheckpoint(std::string_view value, const std::string& where);

std::string CheckpointPartKey(size_t part, char slot);
bool IsCheckpointPartKey(std::string_view key);

struct EncodedPart {
  std::string value;
  std::string crc32c;
};
// `head` is the checkpoint that the part is written with.
EncodedPart EncodeCheckpointPart(const Checkpoint& head, size_t part, size_t parts,
                                 const NextOffsets& next_offsets);
// Adds the part's offsets to the checkpoint that names it. Strict as DecodeCheckpoint is, and it
// refuses a part that is not the one named: another checkpoint's.
void AddCheckpointPart(std::string_view value, size_t part, const std::string& where,
                       Checkpoint* checkpoint);

}  // namespace bw
