#include "base/name_text.h"

#include <cstddef>

#include "base/utf8.h"

namespace bw {
namespace {

constexpr std::string_view kHexMark = "\\x";
constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string TextOfName(std::string_view name) {
  if (IsValidUtf8(name) && !name.starts_with(kHexMark)) return std::string(name);
  std::string text(kHexMark);
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 0xF]);
  }
  return text;
}

std::optional<std::string> NameOfText(std::string_view text) {
  if (!text.starts_with(kHexMark)) return std::string(text);
  text.remove_prefix(kHexMark.size());
  if (text.size() % 2 != 0) return std::nullopt;
  std::string name;
  for (size_t i = 0; i < text.size(); i += 2) {
    const size_t high = kDigits.find(text[i]);
    const size_t low = kDigits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    name.push_back(static_cast<char>(high * 16 + low));
  }
  return name;
}

}  // namespace bw
