#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "base/lsn.h"
#include "spool/change.h"

// The bytes of the `changes` column family. Writer and reader share this header; the grammar is
// part of docs/spool_format.md. All integers are big-endian.
//
//   Key    := commit_lsn: fixed64 | index: fixed64
//             Big-endian, so that RocksDB's byte order is replay order.
//   Value  := crc32c: fixed32 over key and the rest of the value | Change or End
//   Change := 'C' | operation: 1 byte | fields: 1 byte | schema_id: fixed32 | xid: fixed32 |
//             commit_time_us: fixed64 | old_key: Bytes? | key: Bytes? | value: Bytes? |
//             old_key_schema_id: fixed32?
//             Bits 0, 1, 2, 3 of fields: old_key, key, value, old_key_schema_id are present; the
//             last one only with old_key. With operation 'x' value is a RefusedRow (change.h).
//   Bytes  := length: fixed32 | byte*
//   End    := 'E' | end_lsn: fixed64
//             Under index 2^64-1: the transaction is complete.

namespace bw {

inline constexpr size_t kPositionKeySize = 16;

// An array, because one is made for every row and a string of this size would allocate.
struct PositionKey {
  std::array<char, kPositionKeySize> bytes;
  operator std::string_view() const { return {bytes.data(), bytes.size()}; }
};

PositionKey EncodePositionKey(const Position& position);
// The smallest key above this position's, and one above those of all positions.
std::string KeyAfter(const Position& position);
inline const std::string kBehindAllPositions(kPositionKeySize + 1, '\xFF');
// Throws Halt kSpoolUnusable for a key of another length.
Position DecodePositionKey(std::string_view key);

// Both append to *out; `key` is the record's encoded key.
void EncodeChange(std::string_view key, const Change& change, std::string* out);
void EncodeTransactionEnd(std::string_view key, Lsn end_lsn, std::string* out);

// What a value holds. A Change's views point into `value`.
using Record = std::variant<Change, TransactionEnd>;
// Throws Halt kSpoolUnusable, naming the position, when the checksum or the grammar is violated.
Record DecodeRecord(std::string_view key, std::string_view value);

}  // namespace bw
