#include "base/halt.h"

#include <fmt/format.h>

#include <cctype>

#include "base/shown_text.h"

namespace bw {

std::string Halt::Message() const {
  std::string message = fmt::format("[{}] {}", code, found);
  if (!meaning.empty()) message += " " + meaning;
  if (!remedies.empty()) message += " What you can do:";
  bool is_on_lines = false;  // The last remedy ended with an OwnLine(), so the next one begins one.
  for (size_t i = 0; i < remedies.size(); ++i) {
    const auto& [what, command] = remedies[i];
    const std::string remedy =
        fmt::format("({}) {}{}{}", i + 1, what, command.empty() ? "" : ": ", command);
    if (i == 0) {
      message += " " + remedy;
    } else {
      message += is_on_lines ? OwnLine(remedy) : "; " + remedy;
    }
    is_on_lines = remedy.find(OwnLine("")) != std::string::npos;
  }
  return message;
}

Error UnexpectedHalt(const std::string& found) {
  return Halt{ExitCode::kInternal,
              "unexpected",
              Sentence(found),
              "",
              {{"report it, with this message", ""}}}
      .ToError();
}

std::string Sentence(std::string text) {
  if (text.empty()) return text;
  text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  const bool ends_on_own_line = text.find(OwnLine("")) != std::string::npos;  // To be copied.
  return ends_on_own_line || text.ends_with('.') ? text : text + ".";
}

Remedy ResnapshotRemedy() {
  return {
      "take the snapshot again: every row is published again as it is now, and keys that were "
      "deleted meanwhile get their tombstone. Start once, with the same options, as",
      "bottledwater resnapshot"};
}

}  // namespace bw
