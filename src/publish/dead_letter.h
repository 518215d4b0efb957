#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "publish/message_encoder.h"
#include "spool/change.h"
#include "spool/change_log.h"

// Dead letter := key | value | headers, in the topic of DeadLetterTopic(), whatever --output-format
// is: JSON, because the reason may be that there is no schema.
// key := {"schema": ..., "table": ..., "key": the row's key as plain-json}, so that one row's
// letters are in one partition, in order; with "position" in place of "key" where there is none
// value := JSON object of
//   "schema", "table"   as PostgreSQL names them (base/name_text.h)
//   "topic"             where the row would have gone; null if that is not known
//   "position"          "2/44DAB970:17", as the header lsn
//   "op"                what happened to the row, as the header
//   "xid"               0 for a snapshot's row
//   "commit_time"       "2026-11-22T03:11:19.042Z"
//   "reason"            why it cannot be published
//   "key", "old_key"    as plain-json; null for none. "old_key" is there for changed keys alone
//   and one of
//   "value"             the row as plain-json; null for a delete
//   "row"               PostgreSQL's texts of a row that could not be encoded
//   (capture/refused_row.h)
// Where plain-json cannot hold one of key, old_key and value: "key_avro": "\\x...", the Avro body.
// Where it is too large for the topic: "key_size": n, the bytes of the body or of the texts' JSON.
// headers := as of the row (publish/message_encoder.h)

namespace bw {

// Belongs to one publish session. A message is valid until the next call, here or of the encoder.
class DeadLetterEncoder {
 public:
  struct Facts {
    std::string_view reason;
    std::string_view topic;  // Empty if not known.
    size_t bytes_max = 0;    // Of the letter.
  };

  // Both outlive it; the encoder writes the headers.
  DeadLetterEncoder(const ChangeLog* log, MessageEncoder* encoder) : log_(log), encoder_(encoder) {}

  // Throws a row Error when the topic's limit does not allow even a letter without the row.
  EncodedMessage Encode(const Change& change, const Facts& facts);

  // Of a kRefused change.
  static std::string ReasonOf(const Change& change);

 private:
  // What a letter leaves out when it would be too large.
  enum class Extent { kWhole, kWithoutRow, kWithoutKeys };

  const TableEncoding& EncodingOf(SchemaId id);
  void WriteKey(const Change& change, const TableSchema& schema, Extent extent);
  void WriteValue(const Change& change, const TableSchema& schema, const Facts& facts,
                  Extent extent);
  void AppendBody(std::string_view name, const std::optional<SpooledSchema>& schema,
                  const std::optional<std::string_view>& body, bool is_left_out);

  const ChangeLog* const log_;
  MessageEncoder* const encoder_;
  std::unordered_map<uint32_t, TableEncoding> encodings_;  // By schema id.
  std::string key_;
  std::string value_;
};

}  // namespace bw
