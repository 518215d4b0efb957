#include "base/shell_text.h"

#include <fmt/format.h>

#include <optional>

#include "base/shown_text.h"
#include "base/utf8.h"

namespace bw {

std::string ShellQuoted(std::string_view text) {
  std::string quoted;
  bool spelled_out = false;
  while (!text.empty()) {
    const std::optional<HiddenCharacter> hidden = HiddenAt(text);
    const size_t bytes = hidden ? hidden->bytes : DecodeUtf8(text).bytes;
    for (const char c : text.substr(0, bytes)) {
      if (hidden) {
        quoted += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
      } else if (c == '\'') {
        quoted += "'\\''";
      } else {
        quoted.push_back(c);
      }
    }
    spelled_out = spelled_out || hidden.has_value();
    text.remove_prefix(bytes);
  }
  return (spelled_out ? "$'" : "'") + quoted + "'";
}

}  // namespace bw
