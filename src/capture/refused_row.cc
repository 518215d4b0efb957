#include "capture/refused_row.h"

#include <optional>

#include "avro/json_text.h"
#include "base/name_text.h"
#include "base/shown_text.h"

namespace bw {
namespace {

void AppendHex(std::string_view bytes, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  *out += R"({"hex":")";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    *out += kDigits[byte >> 4];
    *out += kDigits[byte & 0xF];
  }
  *out += "\"}";
}

void AppendText(const TextValue& value, const TextEncoding& encoding, size_t* room,
                std::string* out) {
  if (value.kind == TextValue::Kind::kNull) {
    *out += "null";
  } else if (value.kind == TextValue::Kind::kUnchangedToast) {
    *out += R"({"unchanged":true})";
  } else if (value.text.size() > *room) {
    *out += R"({"size":)";
    AppendJsonInteger(static_cast<int64_t>(value.text.size()), out);
    *out += '}';
  } else {
    *room -= value.text.size();
    const auto text = TextToUtf8(value.text, encoding, InvalidText::kError);
    text ? AppendJsonString(*text, out) : AppendHex(value.text, out);
  }
}

}  // namespace

void AppendRefusedRow(const Refusal& refusal, const Table& table, std::span<const TextValue> values,
                      std::string* out) {
  out->push_back(static_cast<char>(refusal.operation));
  *out += R"({"reason":)";
  AppendJsonString(Printable(refusal.reason), out);
  *out += R"(,"row":{)";
  size_t room = kRefusedTextBytesMax;
  bool is_first = true;
  for (size_t i = 0; i < table.columns.size() && i < values.size(); ++i) {
    const Column& column = table.columns[i];
    if (refusal.operation == Operation::kDelete && !column.key) continue;
    if (!is_first) *out += ',';
    is_first = false;
    AppendJsonString(TextOfName(column.name), out);
    *out += ':';
    AppendText(values[i], refusal.encoding, &room, out);
  }
  *out += "}}";
}

TableSchema SchemaOfRefusedTable(const Table& table) {
  return {table.schema, table.name, std::nullopt,
          R"({"type":"record","name":"refused","fields":[]})"};
}

}  // namespace bw
