#pragma once

#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "capture/pgoutput_message.h"

namespace bw {

// Decodes pgoutput messages, protocol version 1. Knows nothing about transactions or tables:
// ChangeAssembler checks whether a message is valid at its place and fits its relation.
//
// Every length and count is checked against the available bytes; a mismatch, or an unknown message,
// is a Halt error that names the message and the byte. Nothing is ever skipped: an unknown message
// may be a change that we would lose.
//
// Reuses its buffers, so a row costs no allocation. Not thread-safe.
class PgoutputDecoder {
 public:
  // The result's views are valid until the next call, as long as `bytes` live.
  PgoutputMessage Decode(std::string_view bytes);

 private:
  PgoutputMessage DecodeRelation(ByteReader reader);
  PgoutputMessage DecodeInsert(ByteReader reader);
  PgoutputMessage DecodeUpdate(ByteReader reader);
  PgoutputMessage DecodeDelete(ByteReader reader);
  PgoutputMessage DecodeTruncate(ByteReader reader);

  std::vector<TextValue> old_values_;
  std::vector<TextValue> values_;
  std::vector<RelationColumn> columns_;
  std::vector<RelationId> truncated_;
};

}  // namespace bw
