#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "publish/kafka.h"

// A message as a line of text, in each of the forms that tail writes. Pure.

namespace bw {

enum class TailFormat {
  kJson,  // One object a line.
  kCsv,   // RFC 4180, with a line of names first.
  kCopy,  // PostgreSQL's COPY in text format.
};

enum class TailColumn {
  kTopic,
  kPartition,
  kOffset,
  kTimestamp,   // Kafka's.
  kCommitTime,  // The header "ts": when PostgreSQL committed it.
  kOp,          // The header "op".
  kLsn,         // The header "lsn" is commit LSN and index, ...
  kIndex,       // ... and these two are its parts.
  kKey,
  kValue,
  kHeaders,
};

struct TailColumnName {
  std::string_view name;
  TailColumn column;
};
std::span<const TailColumnName> TailColumnNames();

struct TailLine {
  std::string_view topic;
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp_ms = -1;  // -1 for none.
  // JSON, on one line. Nothing for a message without a key, and for a tombstone.
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};
  std::span<const MessageHeader> headers = {};
  // In each format, characters that could control a terminal are escapes; JSON keeps its value.
  bool for_terminal = false;
};

// Whether a relay wrote the message: it has its headers "lsn" and "op".
bool HasRelayHeaders(std::span<const MessageHeader> headers);

// Each appends one line with its end.
//
// In JSON the members are topic, partition, offset, timestamp, key, value and headers, in this
// order; what there is none of is null. A header that comes more than once is an array.
void AppendJsonLine(const TailLine& line, std::string* out);
// A field without value is empty; an empty text is "".
void AppendCsvNames(std::span<const TailColumn> columns, std::string* out);
void AppendCsvLine(const TailLine& line, std::span<const TailColumn> columns, std::string* out);
// A field without value is \N.
void AppendCopyLine(const TailLine& line, std::span<const TailColumn> columns, std::string* out);

}  // namespace bw
