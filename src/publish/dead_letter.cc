#include "publish/dead_letter.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "avro/json_text.h"
#include "avro/json_writer.h"
#include "base/error.h"
#include "base/format.h"
#include "base/name_text.h"
#include "base/shown_text.h"
#include "base/utf8.h"

namespace bw {
namespace {

// A reason may hold two schemas. This much of it is in a letter that had to be shortened.
constexpr size_t kShortReasonBytes = 200;

void AppendText(std::string_view name, std::string_view text, std::string* out) {
  *out += fmt::format("\"{}\":", name);
  AppendJsonString(text, out);
  *out += ',';
}

void AppendTable(const TableSchema& schema, std::string* out) {
  *out += '{';
  AppendText("schema", TextOfName(schema.schema), out);
  AppendText("table", TextOfName(schema.table), out);
}

void AppendSize(std::string_view name, size_t bytes, std::string* out) {
  *out += fmt::format("\"{}_size\":{},", name, bytes);
}

nlohmann::json DetailsOf(const Change& change) {
  auto json = nlohmann::json::parse(RefusedRowOf(change).details, nullptr,
                                    /*allow_exceptions=*/false);
  if (json.is_object()) return json;
  return {{"reason", "what is known of it cannot be read"}, {"row", nullptr}};
}

}  // namespace

std::string DeadLetterEncoder::ReasonOf(const Change& change) {
  return DetailsOf(change).value("reason", "");
}

EncodedMessage DeadLetterEncoder::Encode(const Change& change, const Facts& facts) {
  const TableSchema& schema = log_->Schema(change.schema_id);
  for (const Extent extent : {Extent::kWhole, Extent::kWithoutRow, Extent::kWithoutKeys}) {
    const bool is_hopeless =
        extent == Extent::kWhole && change.value.value_or("").size() > facts.bytes_max;
    if (is_hopeless) continue;
    WriteKey(change, schema, extent);
    WriteValue(change, schema, facts, extent);
    const EncodedMessage letter =
        encoder_->Message(key_, value_, static_cast<char>(RowOperation(change)), change.position,
                          change.commit_time_us);
    if (letter.bytes() <= facts.bytes_max) return letter;
  }
  throw RowError(fmt::format(
      "Table {}.{}, change {}: its dead letter has {} bytes, even without the row, and the "
      "dead-letter topic allows {}: raise its max.message.bytes",
      schema.schema, schema.table, change.position.ToString(), key_.size() + value_.size(),
      facts.bytes_max));
}

const TableEncoding& DeadLetterEncoder::EncodingOf(SchemaId id) {
  const auto found = encodings_.find(id.value);
  if (found != encodings_.end()) return found->second;
  return encodings_
      .emplace(id.value,
               MessageEncoder::EncodingFor(OutputFormat::kPlainJson, log_->Schema(id), {}))
      .first->second;
}

void DeadLetterEncoder::WriteKey(const Change& change, const TableSchema& schema, Extent extent) {
  key_.clear();
  AppendTable(schema, &key_);
  const auto& key_schema = EncodingOf(change.schema_id).key_schema;
  if (change.key && key_schema && extent != Extent::kWithoutKeys) {
    const size_t before = key_.size();
    try {
      key_ += "\"key\":";
      key_schema->AppendJson(JsonStyle::kPlain, *change.key, &key_);
      key_ += '}';
      return;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kRow) throw;
      key_.resize(before);
    }
  }
  key_ += fmt::format(R"("position":"{}"}})", change.position.ToString());
}

void DeadLetterEncoder::WriteValue(const Change& change, const TableSchema& schema,
                                   const Facts& facts, Extent extent) {
  const bool without_row = extent != Extent::kWhole;
  const bool without_keys = extent == Extent::kWithoutKeys;
  value_.clear();
  AppendTable(schema, &value_);
  if (facts.topic.empty()) {
    value_ += "\"topic\":null,";
  } else {
    AppendText("topic", facts.topic, &value_);
  }
  value_ += fmt::format(R"("position":"{}","op":"{}","xid":{},"commit_time":"{}",)",
                        change.position.ToString(), static_cast<char>(RowOperation(change)),
                        change.xid, FormatTime(change.commit_time_us));
  std::string reason = Printable(facts.reason);
  if (without_keys && reason.size() > kShortReasonBytes) {
    reason = std::string(Utf8Prefix(reason, kShortReasonBytes)) + "...";
  }
  AppendText("reason", reason, &value_);
  if (change.old_key) {
    AppendBody("old_key", EncodingOf(change.old_key_schema()).key_schema, change.old_key,
               without_keys);
  }
  const TableEncoding& encoding = EncodingOf(change.schema_id);
  AppendBody("key", encoding.key_schema, change.key, without_keys);
  if (change.operation != Operation::kRefused) {
    std::optional<std::string_view> value = change.value;
    if (encoding.is_debezium && change.old_key) {
      const debezium::Pair pair = debezium::SplitPair(value.value());
      AppendBody("deleted", encoding.value_schema, pair.deleted, without_row);
      value = pair.created;
    }
    AppendBody("value", encoding.value_schema, value, without_row);
  } else if (without_row) {
    AppendSize("row", RefusedRowOf(change).details.size(), &value_);
  } else {
    value_ += "\"row\":" + DetailsOf(change)["row"].dump() + ',';
  }
  value_.back() = '}';
}

void DeadLetterEncoder::AppendBody(std::string_view name,
                                   const std::optional<SpooledSchema>& schema,
                                   const std::optional<std::string_view>& body, bool is_left_out) {
  if (body && is_left_out) return AppendSize(name, body->size(), &value_);
  const size_t before = value_.size();
  value_ += fmt::format("\"{}\":", name);
  if (!body || !schema) {
    value_ += "null,";
    return;
  }
  try {
    schema->AppendJson(JsonStyle::kPlain, *body, &value_);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRow) throw;
    value_.resize(before);
    value_ += fmt::format("\"{}_avro\":", name);
    AppendJsonHex(*body, &value_);
  }
  value_ += ',';
}

}  // namespace bw
