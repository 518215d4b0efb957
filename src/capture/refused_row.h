#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "avro/table.h"
#include "avro/text_value.h"
#include "base/byte_size.h"
#include "base/text_encoding.h"
#include "spool/change.h"

// details, of a RefusedRow (spool/change.h) := JSON object of
//   "reason"  why the row could not be encoded
//   "row"     object of its columns, by PostgreSQL's names, each as PostgreSQL's text or
//             null | {"hex": ...}: bytes that are no text in the database's encoding |
//             {"size": n}: n bytes that are left out, see kRefusedTextBytesMax |
//             {"unchanged": true}: a TOASTed value that PostgreSQL did not send
//             Of a delete it has the key columns alone: the others are not in the WAL.

namespace bw {

// Of all texts of a row together. A text beyond it is left out, later and shorter ones are not.
inline constexpr size_t kRefusedTextBytesMax = 256 * kKiB;

struct Refusal {
  Operation operation = Operation::kInsert;
  std::string_view reason;
  const TextEncoding& encoding;  // Of the texts.
};

// Appends a RefusedRow. Pure.
void AppendRefusedRow(const Refusal& refusal, const Table& table, std::span<const TextValue> values,
                      std::string* out);

// For a refused row whose key cannot be encoded, or whose table can have no Avro schema: it names
// the table and has no fields.
TableSchema SchemaOfRefusedTable(const Table& table);

}  // namespace bw
