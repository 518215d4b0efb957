#include "commands/remove.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <string>

#include "base/format.h"
#include "base/halt.h"
#include "base/log.h"
#include "options/option_values.h"
#include "relay/signals.h"
#include "removal/remains.h"

namespace bw {
namespace {

// In the order of RelayPart.
constexpr std::string_view kParts[] = {"slot", "publication", "trigger", "checkpoint", "spool"};

void Say(const std::string& line) { std::cout << ShownText(line) << '\n'; }

bool IsAnythingToRemove(const RemainsOfRelay& remains) {
  return std::ranges::any_of(remains.list,
                             [](const Remains& one) { return one.remove != nullptr; });
}

void Show(const RemainsOfRelay& remains, const std::string& slot) {
  Say(fmt::format("Of the relay of slot \"{}\", database \"{}\":", slot,
                  Printable(remains.database)));
  for (const Remains& one : remains.list) {
    const std::string found = one.found.empty() ? "" : " (" + one.found + ")";
    Say(one.stays.empty() ? fmt::format("  remove  {}{}", one.what, found)
                          : fmt::format("  keep    {}{}: {}", one.what, found, one.stays));
  }
  for (const Absent& one : remains.absent) {
    Say(fmt::format("  absent  {}: if the relay had another {}, give that one", one.what,
                    one.option));
  }
  const std::string topics = remains.table_topics.empty()
                                 ? "the tables' topics"
                                 : "the tables' topics, " + FormatList(remains.table_topics);
  Say(fmt::format("  keep    {}; and the schema registry's subjects", topics));
}

bool IsConfirmed() {
  std::cout << "Remove all this? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

// What an unfinished removal ends with; servers that are away are no defect of this program.
ExitCode CodeOf(const Error& error) {
  return error.exit_code() == ExitCode::kTryAgain ? ExitCode::kNoRelay : error.exit_code();
}

// Without the slot's end nothing else may go: a relay could not go on, and PostgreSQL would retain
// WAL for nobody. After a server that does not answer, a repeat is better than the rest.
bool EndsAll(const Remains& failed, const Error& error) {
  return failed.part == RelayPart::kSlot || error.kind() == ErrorKind::kTransient;
}

ExitCode Remove(const RemainsOfRelay& remains) {
  ExitCode code = ExitCode::kOk;
  bool ended = false;
  std::string left;
  for (const Remains& one : remains.list) {
    if (one.remove == nullptr) continue;
    if (!ended) {
      try {
        one.remove();
        Say("removed " + one.what);
        continue;
      } catch (const Error& error) {
        Say(fmt::format("not removed: {}: {}", one.what, Sentence(error.what())));
        if (code == ExitCode::kOk) code = CodeOf(error);
        ended = EndsAll(one, error);
      }
    }
    left += one.by_hand;
  }
  if (!left.empty()) Say("Left. Repeat this, or let somebody with the rights run:" + left);
  return code;
}

}  // namespace

void StoreKeep(const OptionText& text, Options* options) {
  for (size_t i = 0; i < text.values.size(); ++i) {
    for (const std::string& word : ParseGlobs(text.PlaceOf(i), text.values[i])) {
      options->command.keep.push_back(
          static_cast<RelayPart>(ParseChoice(text.PlaceOf(i), word, kParts)));
    }
  }
}

ExitCode RunRemove(const Invocation& invocation) {
  // What it does is printed.
  StartLogging({.level = "error"});
  const Options& options = invocation.options;
  static Stop stop;
  const RemainsOfRelay remains = FindRemains(options, stop);
  Show(remains, options.capture.slot);
  if (!IsAnythingToRemove(remains)) {
    Say("There is nothing to remove.");
    return ExitCode::kOk;
  }
  if (!options.command.yes && isatty(STDIN_FILENO) != 1) {
    throw UsageError(
        "remove: nothing was removed; give --yes to remove what is listed (standard input is no "
        "terminal to ask on)");
  }
  if (!options.command.yes && !IsConfirmed()) {
    Say("Nothing was removed.");
    return ExitCode::kNoRelay;
  }
  InstallSignalHandlers(&stop);  // Not before: Ctrl-C ends the question.
  return Remove(remains);
}

}  // namespace bw
