#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "publish/kafka.h"
#include "spool/spool_state.h"

// Checkpoint record := key "checkpoint" | value
// value := JSON object, in UTF-8, with exactly these members:
//   "format"    1 with "offsets", 2 with "parts", 3 with "held" and either of them
//   "lineage"   of the spool that was published from: 32 hex digits
//   "instance"  of the process that wrote it: 32 hex digits, new at each start
//   "source"    {"system_identifier": text, "database": text, "slot": text, "timeline": number}
//               (a database whose name is not UTF-8: base/name_text.h)
//   "position"  of the newest change in this and all earlier transactions, "2/44DAB970:17"
//   "end_lsn"   all WAL before this LSN has been published, "2/44DAB9A8"
//   "offsets"   {topic: [next offset of partition 0, of 1, ...]}, null where nothing was written;
//               every partition ever written, so that a reader can look beyond the checkpoint
//   "parts"     instead of "offsets" when they do not fit into one record: for part 0, 1, ...
//               its slot, "a" or "b", and its crc32c, "a3f0f40d5"
//   "held"      only in format 3: the tables that are held, each an object with "schema", "table"
//               (base/name_text.h) and "after", a position: what the table's changes up to there
//               are, the transactions up to this one have published, and none of its later ones
//   "remedy"    what an operator had allowed when this was written, else empty
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
//   "offsets"   {topic: [[first partition, [next offset, ...]], ...]}, null for never written
//   "crc32c"    as above
//
// JSON, so that an operator can read it with any consumer. The newest checkpoint record of the
// topic counts, with the parts that it names; checkpoint_writer.h says why they always exist.

namespace bw {

inline constexpr std::string_view kCheckpointKey = "checkpoint";

// How a checkpoint names one of its parts.
struct CheckpointPart {
  char slot = 'a';  // Or 'b'.
  std::string crc32c;
  friend bool operator==(const CheckpointPart&, const CheckpointPart&) = default;
};

// The tables that are held (--on-error=hold): by name, the position through which each one's
// changes are published. It is below the checkpoint's.
using HeldPositions = std::map<TableName, Position>;

struct Checkpoint {
  std::string lineage;
  std::string instance;
  Source source;
  Progress progress;
  NextOffsets next_offsets;
  HeldPositions held;
  std::string remedy;
  // If not empty, these parts hold the offsets, and the record itself has none.
  std::vector<CheckpointPart> parts;
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// Every change up to here is published, those of held tables too: the spool is needed above it.
Position PublishedOfAll(const Position& published, const HeldPositions& held);

// Leaves `next_offsets` out when there are parts.
std::string EncodeCheckpoint(const Checkpoint& checkpoint);

// Strict: anything unreadable, a newer format or a wrong checksum throws Halt kHaltKafka, naming
// `where` ("topic ..., offset ..."); nothing unreadable is replaced by a default. The offsets of a
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
// Adds the part's offsets to the checkpoint that names it. As strict as DecodeCheckpoint; it also
// refuses a part that belongs to another checkpoint.
void AddCheckpointPart(std::string_view value, size_t part, const std::string& where,
                       Checkpoint* checkpoint);

}  // namespace bw
