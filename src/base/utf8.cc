#include "base/utf8.h"

#include <cstdint>
#include <cstring>

namespace bw {
namespace {

bool IsContinuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// The length of the well-formed sequence at `p` (first byte not ASCII), or 0.
size_t SequenceLength(const unsigned char* p, size_t available) {
  const unsigned char first = p[0];
  if (first < 0xC2 || first > 0xF4) return 0;
  const size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (available < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(p[i])) return 0;
  }
  if (first == 0xE0 && p[1] < 0xA0) return 0;  // Overlong.
  if (first == 0xED && p[1] > 0x9F) return 0;  // Surrogate.
  if (first == 0xF0 && p[1] < 0x90) return 0;  // Overlong.
  if (first == 0xF4 && p[1] > 0x8F) return 0;  // Above U+10FFFF.
  return length;
}

}  // namespace

bool IsValidUtf8(std::string_view bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  const unsigned char* const end = p + bytes.size();
  while (p != end) {
    uint64_t chunk = 0;
    while (end - p >= 8) {
      std::memcpy(&chunk, p, sizeof(chunk));
      if ((chunk & 0x8080808080808080u) != 0) break;
      p += 8;
    }
    if (p == end) break;
    if (*p < 0x80) {
      ++p;
      continue;
    }
    const size_t length = SequenceLength(p, static_cast<size_t>(end - p));
    if (length == 0) return false;
    p += length;
  }
  return true;
}

Utf8Character DecodeUtf8(std::string_view text) {
  if (text.empty()) return {};
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  if (*p < 0x80) return {1, *p};
  const size_t length = SequenceLength(p, text.size());
  if (length == 0) return {};
  char32_t code_point = *p & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) code_point = code_point << 6 | (p[i] & 0x3Fu);
  return {length, code_point};
}

void AppendUtf8(char32_t character, std::string* out) {
  if (character < 0x80) return out->push_back(static_cast<char>(character));
  const size_t size = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
  const uint32_t mark = (0xF00u >> size) & 0xFF;  // 110.., 1110.., 11110..
  out->push_back(static_cast<char>(mark | (character >> (6 * (size - 1)))));
  for (size_t i = size - 1; i > 0; --i) {
    out->push_back(static_cast<char>(0x80 | ((character >> (6 * (i - 1))) & 0x3F)));
  }
}

std::string_view Utf8Prefix(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  // A character has at most three continuation bytes; anything with more is not UTF-8.
  for (int i = 0; i < 3 && end > 0 && IsContinuation(static_cast<unsigned char>(text[end])); ++i) {
    --end;
  }
  return text.substr(0, end);
}

}  // namespace bw
