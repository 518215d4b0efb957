#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bw {

// Whether the bytes are valid UTF-8 (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF).
// Fast for ASCII, which is skipped eight bytes at a time.
bool IsValidUtf8(std::string_view bytes);

// The first character of `text`; 0 bytes when it is not valid UTF-8.
struct Utf8Character {
  size_t bytes = 0;
  char32_t code_point = 0;
};
Utf8Character DecodeUtf8(std::string_view text);

// Any code point up to U+10FFFF but surrogates.
void AppendUtf8(char32_t character, std::string* out);

// The longest prefix of at most `bytes_max` bytes that does not split a character.
std::string_view Utf8Prefix(std::string_view text, size_t bytes_max);

}  // namespace bw
