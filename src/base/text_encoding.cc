#include "base/text_encoding.h"

#include <algorithm>
#include <iterator>

#include "base/utf8.h"

namespace bw {
namespace {

constexpr TextEncoding::Table kTables[] = {
#include "base/single_byte_tables.inc"
};

constexpr char32_t kPrivateUse = 0xF700;

constexpr char32_t kReplacement = 0xFFFD;

// The character at the beginning of `text` (not empty); 0 bytes when it is invalid.
Utf8Character Next(std::string_view text, const TextEncoding& encoding) {
  if (encoding.kind() != TextEncoding::Kind::kOneByte) return DecodeUtf8(text);
  const char32_t character = encoding.CharacterOf(text.front());
  return character == 0 && text.front() != 0 ? Utf8Character{} : Utf8Character{1, character};
}

}  // namespace

TextEncoding TextEncoding::Of(std::string_view server_encoding) {
  TextEncoding encoding;
  if (server_encoding.empty() || server_encoding == "UTF8") return encoding;
  encoding.kind_ = server_encoding == "SQL_ASCII" ? Kind::kUnknown : Kind::kServers;
  for (const Table& table : kTables) {
    if (table.name != server_encoding) continue;
    encoding.kind_ = Kind::kOneByte;
    encoding.table_ = &table;
  }
  return encoding;
}

std::string TextEncoding::Decode(std::string_view bytes) const {
  if (kind_ != Kind::kOneByte || IsAscii(bytes)) return std::string(bytes);
  std::string text;
  for (const char byte : bytes) {
    const char32_t character = CharacterOf(byte);
    AppendUtf8(
        character != 0 || byte == 0 ? character : kPrivateUse + static_cast<unsigned char>(byte),
        &text);
  }
  return text;
}

std::string TextEncoding::Encode(std::string_view utf8) const {
  if (kind_ != Kind::kOneByte || IsAscii(utf8)) return std::string(utf8);
  std::string bytes;
  while (!utf8.empty()) {
    const Utf8Character character = DecodeUtf8(utf8);
    const auto& table = table_->characters;
    const auto* const found = std::find(table.begin(), table.end(), character.code_point);
    if (character.bytes == 1) {
      bytes.push_back(utf8.front());
    } else if (character.bytes != 0 && found != table.end()) {
      bytes.push_back(static_cast<char>(0x80 + std::distance(table.begin(), found)));
    } else if (character.code_point >= kPrivateUse + 0x80 &&
               character.code_point <= kPrivateUse + 0xFF) {
      bytes.push_back(static_cast<char>(character.code_point & 0xFF));
    } else {
      bytes.push_back('?');
    }
    utf8.remove_prefix(std::max<size_t>(character.bytes, 1));
  }
  return bytes;
}

std::optional<std::string> TextToUtf8(std::string_view text, const TextEncoding& encoding,
                                      InvalidText invalid_text) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  while (!text.empty()) {
    const Utf8Character character = Next(text, encoding);
    if (character.bytes == 0 && invalid_text != InvalidText::kReplace) return std::nullopt;
    AppendUtf8(character.bytes == 0 ? kReplacement : character.code_point, &out);
    text.remove_prefix(character.bytes == 0 ? 1 : character.bytes);
  }
  return out;
}

bool IsAscii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; });
}

}  // namespace bw
