#include "base/halt.h"

#include <fmt/format.h>

#include <cctype>

namespace bw {

std::string Halt::Message() const {
  std::string message = fmt::format("[{}] {}", code, found);
  if (!meaning.empty()) message += " " + meaning;
  for (size_t i = 0; i < remedies.size(); ++i) {
    message +=
        fmt::format("{} ({}) {}", i == 0 ? " What you can do:" : "", i + 1, remedies[i].what);
    if (!remedies[i].command.empty()) message += ": " + remedies[i].command;
    message += i + 1 < remedies.size() ? ";" : "";
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
  return text.ends_with('.') ? text : text + ".";
}

Remedy ResnapshotRemedy() {
  return {
      "take the snapshot again: every row is published again as it is now, and keys that were "
      "deleted meanwhile get their tombstone. Start once, with the same options, as",
      "bottledwater resnapshot"};
}

}  // namespace bw
