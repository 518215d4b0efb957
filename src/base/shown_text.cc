#include "base/shown_text.h"

#include <fmt/format.h>

#include "base/random_id.h"
#include "base/utf8.h"

namespace bw {
namespace {

constexpr std::string_view kIndent = "  ";

// Random, so that nobody outside can put it into a name.
const std::string& LineMark() {
  static const std::string mark = "<line " + RandomId() + ">";
  return mark;
}

bool IsControl(char32_t c) { return c < 0x20 || (c >= 0x7F && c <= 0x9F); }

// Unicode's format characters (Cf) and the two separators that break lines.
bool IsFormat(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  return c == 0xAD || c == 0x61C || c == 0x180E || within(0x200B, 0x200F) ||
         within(0x2028, 0x202E) || within(0x2060, 0x206F) || c == 0xFEFF ||
         within(0xFFF9, 0xFFFB) || within(0x1D173, 0x1D17A) || within(0xE0000, 0xE007F);
}

bool IsBlank(char c) { return c == '\n' || c == '\t' || c == '\r'; }

}  // namespace

std::optional<HiddenCharacter> HiddenAt(std::string_view text) {
  const Utf8Character character = DecodeUtf8(text);
  if (character.bytes == 0) return HiddenCharacter{1, std::nullopt};
  if (!IsControl(character.code_point) && !IsFormat(character.code_point)) return std::nullopt;
  return HiddenCharacter{character.bytes, character.code_point};
}

std::string OwnLine(std::string_view text) { return LineMark() + std::string(text); }

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char c = text.front();
    const bool is_plain = c >= 0x20 && c < 0x7F;
    const std::optional<HiddenCharacter> hidden = is_plain ? std::nullopt : HiddenAt(text);
    const size_t bytes = is_plain ? 1 : hidden ? hidden->bytes : DecodeUtf8(text).bytes;
    if (IsBlank(c)) {
      if (!out.empty() && out.back() != ' ') out.push_back(' ');
    } else if (hidden) {
      for (const char part : text.substr(0, bytes)) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(part));
      }
    } else {
      out.append(text.substr(0, bytes));
    }
    text.remove_prefix(bytes);
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string ShownText(std::string_view message) {
  std::string out;
  while (true) {
    const size_t mark = message.find(LineMark());
    out += Printable(message.substr(0, mark));
    if (mark == std::string_view::npos) return out;
    out.append("\n").append(kIndent);
    message.remove_prefix(mark + LineMark().size());
  }
}

}  // namespace bw
