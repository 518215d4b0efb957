#include "tail/tail_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "avro/json_text.h"
#include "base/error.h"
#include "base/format.h"
#include "base/lsn.h"
#include "base/parse_whole.h"
#include "base/shown_json.h"
#include "base/shown_text.h"
#include "tail/bytes_json.h"

namespace bw {
namespace {

constexpr TailColumnName kColumns[] = {
    {"topic", TailColumn::kTopic},
    {"partition", TailColumn::kPartition},
    {"offset", TailColumn::kOffset},
    {"timestamp", TailColumn::kTimestamp},
    {"commit_time", TailColumn::kCommitTime},
    {"op", TailColumn::kOp},
    {"lsn", TailColumn::kLsn},
    {"index", TailColumn::kIndex},
    {"key", TailColumn::kKey},
    {"value", TailColumn::kValue},
    {"headers", TailColumn::kHeaders},
};

// 9999-12-31T23:59:59.999Z: what four digits of a year can write.
constexpr int64_t kTimestampMsMax = 253'402'300'799'999;

std::optional<std::string> TimeText(std::optional<int64_t> ms) {
  if (!ms || *ms < 0 || *ms > kTimestampMsMax) return std::nullopt;
  return FormatTime(*ms * 1'000);
}

std::optional<std::string_view> HeaderIn(std::span<const MessageHeader> headers,
                                         std::string_view name) {
  const auto found = std::ranges::find(headers, name, &MessageHeader::name);
  return found == headers.end() ? std::nullopt : std::optional(found->value);
}

std::optional<std::string_view> HeaderOf(const TailLine& line, std::string_view name) {
  return HeaderIn(line.headers, name);
}

void AppendHeaders(const TailLine& line, std::string* out) {
  std::vector<std::string_view> done;
  *out += '{';
  for (const MessageHeader& header : line.headers) {
    if (std::ranges::find(done, header.name) != done.end()) continue;
    if (!done.empty()) *out += ',';
    done.push_back(header.name);
    AppendNameAsJson(header.name, out);
    *out += ':';
    const bool repeated = std::ranges::count(line.headers, header.name, &MessageHeader::name) > 1;
    if (repeated) *out += '[';
    std::string_view separator;
    for (const MessageHeader& same : line.headers) {
      if (same.name != header.name) continue;
      *out += separator;
      separator = ",";
      AppendTextAsJson(same.value, out);
    }
    if (repeated) *out += ']';
  }
  *out += '}';
}

std::string Shown(const TailLine& line, std::string_view json) {
  return line.for_terminal ? ShownJson(json) : std::string(json);
}

// The text of a column, before it is escaped; nothing for null.
std::optional<std::string> FieldOf(const TailLine& line, TailColumn column) {
  switch (column) {
    case TailColumn::kTopic:
      return std::string(line.topic);
    case TailColumn::kPartition:
      return std::to_string(line.partition);
    case TailColumn::kOffset:
      return std::to_string(line.offset);
    case TailColumn::kTimestamp:
      return TimeText(line.timestamp_ms);
    case TailColumn::kCommitTime:
      return TimeText(ParseWhole<int64_t>(HeaderOf(line, "ts").value_or("")));
    case TailColumn::kOp: {
      // It may be another producer's, and anything.
      const auto op = HeaderOf(line, "op");
      if (!op || !IsPlainText(*op)) return std::nullopt;
      return line.for_terminal ? Printable(*op) : std::string(*op);
    }
    case TailColumn::kLsn:
    case TailColumn::kIndex: {
      const auto position = Position::Parse(HeaderOf(line, "lsn").value_or(""));
      if (!position) return std::nullopt;
      return column == TailColumn::kLsn ? position->commit_lsn.ToString()
                                        : std::to_string(position->index);
    }
    case TailColumn::kKey:
      return line.key ? std::optional(Shown(line, *line.key)) : std::nullopt;
    case TailColumn::kValue:
      return line.value ? std::optional(Shown(line, *line.value)) : std::nullopt;
    case TailColumn::kHeaders: {
      std::string json;
      AppendHeaders(line, &json);
      return Shown(line, json);
    }
  }
  BW_CHECK(false);
}

// RFC 4180. An empty text is quoted, so that it is not null; and so is "\.", which ends the data
// for PostgreSQL where it stands alone on a line.
void AppendCsvField(std::string_view text, std::string* out) {
  if (!text.empty() && text != "\\." && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    *out += text;
    return;
  }
  *out += '"';
  for (const char c : text) {
    if (c == '"') *out += '"';
    *out += c;
  }
  *out += '"';
}

// PostgreSQL documentation, COPY, "Text Format".
void AppendCopyField(std::string_view text, std::string* out) {
  for (const char c : text) {
    constexpr std::string_view kEscaped = "\\\b\f\n\r\t\v";
    constexpr std::string_view kLetters = "\\bfnrtv";
    const size_t index = kEscaped.find(c);
    if (index == std::string_view::npos) {
      *out += c;
    } else {
      *out += '\\';
      *out += kLetters[index];
    }
  }
}

void AppendJsonOrNull(const std::optional<std::string>& json, std::string* out) {
  *out += json ? std::string_view(*json) : "null";
}

}  // namespace

std::span<const TailColumnName> TailColumnNames() { return kColumns; }

bool HasRelayHeaders(std::span<const MessageHeader> headers) {
  const auto position = Position::Parse(HeaderIn(headers, "lsn").value_or(""));
  return position && HeaderIn(headers, "op").value_or("").size() == 1;
}

void AppendJsonLine(const TailLine& line, std::string* out) {
  const size_t start = out->size();
  *out += R"({"topic":)";
  AppendNameAsJson(line.topic, out);
  fmt::format_to(std::back_inserter(*out), R"(,"partition":{},"offset":{},"timestamp":)",
                 line.partition, line.offset);
  const auto time = TimeText(line.timestamp_ms);
  if (time) {
    AppendJsonString(*time, out);
  } else {
    *out += "null";
  }
  *out += R"(,"key":)";
  AppendJsonOrNull(line.key, out);
  *out += R"(,"value":)";
  AppendJsonOrNull(line.value, out);
  *out += R"(,"headers":)";
  AppendHeaders(line, out);
  *out += '}';
  if (line.for_terminal) out->replace(start, out->npos, ShownJson(out->substr(start)));
  *out += '\n';
}

void AppendCsvNames(std::span<const TailColumn> columns, std::string* out) {
  std::string_view separator;
  for (const TailColumn column : columns) {
    *out += separator;
    separator = ",";
    *out += std::ranges::find(kColumns, column, &TailColumnName::column)->name;
  }
  *out += "\r\n";
}

void AppendCsvLine(const TailLine& line, std::span<const TailColumn> columns, std::string* out) {
  std::string_view separator;
  for (const TailColumn column : columns) {
    *out += separator;
    separator = ",";
    if (const auto field = FieldOf(line, column)) AppendCsvField(*field, out);
  }
  *out += "\r\n";
}

void AppendCopyLine(const TailLine& line, std::span<const TailColumn> columns, std::string* out) {
  std::string_view separator;
  for (const TailColumn column : columns) {
    *out += separator;
    separator = "\t";
    if (const auto field = FieldOf(line, column)) {
      AppendCopyField(*field, out);
    } else {
      *out += "\\N";
    }
  }
  *out += '\n';
}

}  // namespace bw
