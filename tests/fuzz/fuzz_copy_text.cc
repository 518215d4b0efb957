// The rows of COPY ... TO STDOUT. Input := number of columns: 1 byte | row.

#include <string>
#include <vector>

#include "capture/copy_text.h"
#include "fuzz/fuzz_input.h"

namespace bw {
namespace {

constexpr size_t kColumnsMax = 12;

// As the server escapes (CopyAttributeOutText in copyto.c).
void AppendEscaped(std::string_view text, std::string* out) {
  constexpr std::string_view kEscaped = "\b\f\n\r\t\v\\";
  constexpr std::string_view kLetters = "bfnrtv\\";
  for (const char c : text) {
    if (const size_t i = kEscaped.find(c); i != std::string_view::npos) {
      out->push_back('\\');
      out->push_back(kLetters[i]);
    } else {
      out->push_back(c);
    }
  }
}

std::string CopyRow(const std::vector<TextValue>& values) {
  std::string row;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) row.push_back('\t');
    if (values[i].kind == TextValue::Kind::kNull) {
      row += "\\N";
    } else {
      AppendEscaped(values[i].text, &row);
    }
  }
  return row + '\n';
}

void CheckSame(const std::vector<TextValue>& left, const std::vector<TextValue>& right) {
  BW_CHECK(left.size() == right.size());
  for (size_t i = 0; i < left.size(); ++i) {
    BW_CHECK(left[i].kind == right[i].kind && left[i].text == right[i].text);
  }
}

// What the server would write for the values is read as those values.
void CheckRoundTrip(const std::vector<TextValue>& values) {
  std::string row = CopyRow(values);
  std::vector<TextValue> read;
  ParseCopyRow(row, values.size(), &read);
  CheckSame(values, read);
}

// The texts lie in the row, one behind the other.
void CheckWithin(const std::string& row, const std::vector<TextValue>& values) {
  const char* behind_last = row.data();
  for (const TextValue& value : values) {
    BW_CHECK(value.kind != TextValue::Kind::kUnchangedToast);
    if (value.kind == TextValue::Kind::kNull) continue;
    BW_CHECK(value.text.data() >= behind_last);
    behind_last = value.text.data() + value.text.size();
  }
  BW_CHECK(behind_last <= row.data() + row.size());
}

void ParseAnything(size_t column_count, std::string_view bytes) {
  std::string row(bytes);
  std::vector<TextValue> values;
  const bool accepted = fuzz::Accepts(ErrorKind::kHalt, "Malformed COPY row", 200,
                                      [&] { ParseCopyRow(row, column_count, &values); });
  if (!accepted) return;
  BW_CHECK(values.size() == column_count);
  CheckWithin(row, values);
  CheckRoundTrip(values);
}

// The same bytes as values: NUL, which no text of PostgreSQL holds, stands between them.
void EncodeAnything(std::string_view bytes) {
  std::vector<TextValue> values;
  while (true) {
    const std::string_view text = bytes.substr(0, bytes.find('\0'));
    values.push_back(text == "null" ? TextValue::Null() : TextValue::Text(text));
    if (text.size() == bytes.size()) break;
    bytes.remove_prefix(text.size() + 1);
  }
  CheckRoundTrip(values);
}

}  // namespace
}  // namespace bw

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bw::fuzz::Input input(data, size);
  const size_t column_count = input.U8() % (bw::kColumnsMax + 1);
  const std::string_view bytes = input.Rest();
  bw::ParseAnything(column_count, bytes);
  bw::EncodeAnything(bytes);
  return 0;
}
