#include "avro/text_converter.h"

#include "base/utf8.h"

namespace bw {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// The character at the beginning of `text` (not empty); 0 bytes when it is invalid.
Utf8Character Next(std::string_view text, const TextEncoding& encoding) {
  if (encoding.kind() != TextEncoding::Kind::kOneByte) return DecodeUtf8(text);
  const char32_t character = encoding.CharacterOf(text.front());
  return character == 0 && text.front() != 0 ? Utf8Character{} : Utf8Character{1, character};
}

}  // namespace

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

}  // namespace bw
