#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

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
//             last one only with old_key. With operations 'x' and 't' value is as change.h says.
//   Bytes  := length: fixed32 | byte*
//   End    := 'E' | end_lsn: fixed64 | Tally?
//             Under index 2^64-1: the transaction is complete.
//   Tally  := xid: fixed32 | commit_time_us: fixed64 | (schema_id: fixed32 | changes: fixed64)*
//             With --transaction-metadata: how many changes the transaction has, by schema.

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

// What a transaction consists of, as it was captured.
struct TransactionTally {
  uint32_t xid = 0;
  int64_t commit_time_us = 0;
  std::vector<std::pair<SchemaId, uint64_t>> changes;
};

// Both append to *out; `tally` may be null; `key` is the record's encoded key.
void EncodeChange(std::string_view key, const Change& change, std::string* out);
void EncodeTransactionEnd(std::string_view key, Lsn end_lsn, const TransactionTally* tally,
                          std::string* out);

// What a value holds. A Change's views point into `value`.
using Record = std::variant<Change, TransactionEnd>;
// Throws Halt kSpoolUnusable, naming the position, when the checksum or the grammar is violated.
Record DecodeRecord(std::string_view key, std::string_view value);
// Of an End that DecodeRecord has accepted; nothing when it has none.
std::optional<TransactionTally> TallyOfEnd(std::string_view value);

}  // namespace bw
