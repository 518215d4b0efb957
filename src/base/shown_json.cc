#include "base/shown_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/shown_text.h"
#include "base/utf8.h"

namespace bw {
namespace {

bool IsBlank(char c) { return c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

std::string ShownJson(std::string_view json) {
  std::string out;
  while (!json.empty()) {
    const std::optional<HiddenCharacter> hidden = HiddenAt(json);
    // JSON has blanks between its tokens only, where an escape is wrong.
    if (!hidden || !hidden->code_point || IsBlank(json.front())) {
      const size_t size = std::max<size_t>(DecodeUtf8(json).bytes, 1);
      out += json.substr(0, size);
      json.remove_prefix(size);
      continue;
    }
    const auto code = static_cast<uint32_t>(*hidden->code_point);
    if (code <= 0xFFFF) {
      out += fmt::format("\\u{:04x}", code);
    } else {  // As UTF-16, a pair of surrogates.
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((code - 0x10000) >> 10),
                         0xDC00 + ((code - 0x10000) & 0x3FF));
    }
    json.remove_prefix(hidden->bytes);
  }
  return out;
}

}  // namespace bw
